// floor is the least that a webhook can be: over TLS it takes an AdmissionReview apart, object and all, and allows it.
//
// With -patch it writes what our own server writes into the object that lacks a starting deadline, and judges nothing.
// With -save it keeps the first review of each door and object as DOOR-NAME.json, for those who want real ones.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
)

const patch = `[
	{"op": "add", "path": "/spec/startingDeadlineSeconds", "value": 300},
	{"op": "add", "path": "/metadata/annotations",
	 "value": {"batchwarden.io/defaulted": "{\"spec.startingDeadlineSeconds\":300}"}}]`

type review struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Request    *request       `json:"request,omitempty"`
	Response   map[string]any `json:"response,omitempty"`
}

type request struct {
	UID    string         `json:"uid"`
	Name   string         `json:"name"`
	Object map[string]any `json:"object"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8443", "address")
	certificate := flag.String("cert", "tls.crt", "certificate chain (PEM)")
	key := flag.String("key", "tls.key", "its key (PEM)")
	save := flag.String("save", "", "folder for the reviews received")
	patching := flag.Bool("patch", false, "write a starting deadline")
	flag.Parse()
	http.HandleFunc("POST /{door}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var asked review
		if err = cmp.Or(err, json.Unmarshal(body, &asked)); err != nil || asked.Request == nil {
			http.Error(w, "this is no AdmissionReview", http.StatusBadRequest)
			return
		}
		if *save != "" {
			keep(filepath.Join(*save, r.PathValue("door")+"-"+asked.Request.Name+".json"), body)
		}
		w.Header().Set("Content-Type", "application/json")
		response := map[string]any{"uid": asked.Request.UID, "allowed": true}
		if *patching && r.PathValue("door") == "mutate" {
			response["patchType"], response["patch"] = "JSONPatch", []byte(patch)
		}
		_ = json.NewEncoder(w).Encode(review{APIVersion: asked.APIVersion, Kind: asked.Kind, Response: response})
	})
	log.Fatal(http.ListenAndServeTLS(*listen, *certificate, *key, nil))
}

func keep(path string, body []byte) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return // it is there
	}
	defer file.Close()
	_, _ = file.Write(body)
}
