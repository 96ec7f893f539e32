"""The least that Flask can do on our server: one handler that allows everything. Run with two ports as arguments."""

import sys
from pathlib import Path

from flask import Flask, Response, request
from msgspec import json

from webhook.admission.server import Server, ServerSettings

app = Flask("bare", static_folder=None)


@app.post("/<door>")
def allow(door: str) -> Response:
    uid = json.decode(request.get_data())["request"]["uid"]
    response = {"uid": uid, "allowed": True}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
    return Response(json.encode(review), mimetype="application/json")


@app.get("/readyz")
def readyz() -> Response:
    return Response("ok\n", mimetype="text/plain")


def main() -> int:
    """Serve on the two ports given, until SIGTERM."""
    port, status_port = (("127.0.0.1", int(argument)) for argument in sys.argv[1:3])
    certificate, key = Path("tls/tls.crt"), Path("tls/tls.key")
    settings = ServerSettings(
        listen=port, status_listen=status_port, tls_cert=certificate, tls_key=key, drain_seconds=0
    )
    return Server(settings).run(app, app)


if __name__ == "__main__":
    sys.exit(main())
