"""Flask routes, and nothing else: bytes in, the decision of one door, bytes out."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeAlias

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from webhook.admission import decide, review
from webhook.admission.observe import Observer

MAX_BODY = 8 * 1024 * 1024  # bytes: an object of 1.5 MiB twice, with room
Door: TypeAlias = Callable[[review.AdmissionRequest, decide.Context], review.Decision]


def create_app(context: Callable[[], decide.Context], observer: Observer) -> Flask:
    """Make the application that the API server calls; ``context`` gives what decides at this moment."""
    app = Flask("batchwarden", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    def answer(webhook: str, door: Door) -> Response:
        start = perf_counter()
        asked = review.read(request.get_data(cache=False), request.content_type)
        decision = door(asked, context())
        observer.decided(webhook, asked, decision, perf_counter() - start)
        return Response(review.write(asked, decision), mimetype="application/json")

    @app.post("/mutate")
    def mutate() -> Response:
        return answer("mutate", decide.mutate)

    @app.post("/validate")
    def validate() -> Response:
        return answer("validate", decide.validate)

    @app.errorhandler(review.BadReviewError)
    def refuse(error: review.BadReviewError) -> Response:
        return _sentence(error.status, str(error))

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        too_large = isinstance(error, RequestEntityTooLarge)
        text = f"the body is over {MAX_BODY} bytes; no AdmissionReview is" if too_large else error.description
        return _sentence(error.code or 500, str(text))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        observer.crashed(error)
        return _sentence(500, "an error in Batchwarden; its log has the details")

    def _sentence(status: int, text: str) -> Response:
        observer.refused(status, text)
        return Response(f"{text}\n", status, mimetype="text/plain")

    return app


def create_status_app(is_ready: Callable[[], str], metrics: Callable[[], bytes]) -> Flask:
    """Make the application of the status port; ``is_ready`` gives the reason why not, or nothing."""
    app = Flask("batchwarden-status", static_folder=None)

    @app.get("/livez")
    def livez() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        reason = is_ready()
        return Response(f"{reason or 'ok'}\n", 503 if reason else 200, mimetype="text/plain")

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return app
