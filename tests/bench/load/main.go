// load posts one body again and again, so many at a time or in bursts, and prints how it went as one line of JSON:
// milliseconds to the answer, answers a second, and how many were not as wanted, with one of those.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

var (
	url     = flag.String("url", "", "where to post")
	ca      = flag.String("ca", "", "certificate that vouches for the server (PEM)")
	token   = flag.String("token", "", "bearer token; none: without")
	body    = flag.String("body", "", "file to post, JSON")
	want    = flag.Int("want", 200, "HTTP status that is right")
	number  = flag.Int("n", 1000, "requests; with -quiet: bursts")
	flight  = flag.Int("c", 1, "requests in flight")
	quiet   = flag.Duration("quiet", 0, "instead of a steady flow: bursts of -c requests, each after so much silence")
	timeout = flag.Duration("timeout", 40*time.Second, "for one answer")
)

// answer is what came of one request; problem is empty where it is as wanted.
type answer struct {
	milliseconds float64
	problem      string
}

type figures struct {
	P50       float64 `json:"p50"`
	P99       float64 `json:"p99"`
	Max       float64 `json:"max"`
	PerSecond float64 `json:"per_second"`
	Wrong     int     `json:"wrong"`
	Sample    string  `json:"sample"`
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	content, err := os.ReadFile(*body)
	if err != nil {
		log.Fatal(err)
	}
	client := connect()
	ask := func() answer { return post(client, content) }
	start := time.Now()
	var answers []answer
	if *quiet > 0 {
		for range *number {
			time.Sleep(*quiet)
			answers = append(answers, gather(*flight, *flight, ask)...)
		}
	} else {
		answers = gather(*number, *flight, ask)
	}
	if err := json.NewEncoder(os.Stdout).Encode(sum(answers, time.Since(start))); err != nil {
		log.Fatal(err)
	}
}

func connect() *http.Client {
	pem, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		log.Fatalf("%s holds no certificate", *ca)
	}
	return &http.Client{Timeout: *timeout, Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: trusted},
		ForceAttemptHTTP2:   true, // as clients of an API server do
		MaxIdleConnsPerHost: *flight,
	}}
}

// gather asks total times, from so many goroutines.
func gather(total, goroutines int, ask func() answer) []answer {
	tickets := make(chan struct{}, total)
	for range total {
		tickets <- struct{}{}
	}
	close(tickets)
	found := make(chan answer, total)
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range tickets {
				found <- ask()
			}
		})
	}
	group.Wait()
	close(found)
	var answers []answer
	for each := range found {
		answers = append(answers, each)
	}
	return answers
}

func post(client *http.Client, content []byte) answer {
	request, err := http.NewRequest(http.MethodPost, *url, bytes.NewReader(content))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if *token != "" {
		request.Header.Set("Authorization", "Bearer "+*token)
	}
	start := time.Now()
	problem := send(client, request)
	return answer{float64(time.Since(start).Microseconds()) / 1000, problem}
}

func send(client *http.Client, request *http.Request) string {
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != *want {
		return fmt.Sprintf("%s: %.300s", response.Status, text)
	}
	return ""
}

func sum(answers []answer, took time.Duration) figures {
	slices.SortFunc(answers, func(a, b answer) int { return int(1000 * (a.milliseconds - b.milliseconds)) })
	at := func(share float64) float64 { return answers[int(share*float64(len(answers)-1))].milliseconds }
	result := figures{P50: at(.5), P99: at(.99), Max: at(1), PerSecond: float64(len(answers)) / took.Seconds()}
	for _, each := range answers {
		if each.problem != "" {
			result.Wrong++
			result.Sample = each.problem
		}
	}
	return result
}
