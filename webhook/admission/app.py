"""Flask routes, and nothing else: bytes in, the decision of one door, bytes out."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeAlias

from flask import Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter

from webhook.admission import decide, review
from webhook.admission.message import quoted
from webhook.admission.observe import Observer
from webhook.admission.occurrences import Occurrence, occurrence_of
from webhook.admission.patience import Asking, UnknownNamespaceError

MAX_BODY = 8 * 1024 * 1024  # bytes: an object of 1.5 MiB twice, with room
SENTENCES = {
    404: "nothing is here; POST an AdmissionReview to /mutate or /validate",
    405: "only POST is answered here; send an AdmissionReview",
    413: f"the body is over {MAX_BODY} bytes; no AdmissionReview is",
}
Door: TypeAlias = Callable[[review.AdmissionRequest, decide.Context], review.Decision]


class _NoSessions(SessionInterface):
    """Keeps nothing, and makes nothing to keep: an API server has no session."""

    _NONE = NullSession()

    def open_session(self, _app: Flask, _request: Request) -> NullSession:
        return self._NONE


class _Api(Flask):
    """Flask without sessions, and with paths that are the same on every host: a twentieth of the time of a review."""

    session_interface: SessionInterface = _NoSessions()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return None
        return self.url_map.bind("batchwarden", path_info=request.path, default_method=request.method)


def create_app(context: Asking, observer: Observer, record: Callable[[Occurrence], None] = lambda _: None) -> Flask:
    """Make the application that the API server calls; ``context`` gives what decides a request.

    ``record`` takes what leaves an Event; an answer waits for it, so it only takes note.
    """
    app = _Api("batchwarden", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    def answer(webhook: str, door: Door) -> Response:
        start = perf_counter()
        asked = review.read(request.get_data(cache=False), request.content_type)
        decision = door(asked, context(asked, lambda: request.args.get("timeout", "")))
        observer.decided(webhook, asked, decision, perf_counter() - start)
        if occurrence := occurrence_of(webhook, asked, decision):
            record(occurrence)
        return Response(review.write(asked, decision), mimetype="application/json")

    @app.post("/mutate")
    def mutate() -> Response:
        return answer("mutate", decide.mutate)

    @app.post("/validate")
    def validate() -> Response:
        return answer("validate", decide.validate)

    _answer_errors(app, observer)
    return app


def _answer_errors(app: Flask, observer: Observer) -> None:
    """Answer what is no review, and our own bugs, with one sentence."""

    def tell(status: int, text: str) -> Response:
        sentence = quoted(text)
        observer.refused(status, sentence)
        return Response(f"{sentence}\n", status, mimetype="text/plain")

    @app.errorhandler(review.BadReviewError)
    def refuse(error: review.BadReviewError) -> Response:
        return tell(error.status, str(error))

    @app.errorhandler(UnknownNamespaceError)
    def put_off(error: UnknownNamespaceError) -> Response:
        response = tell(503, str(error))
        response.headers["Retry-After"] = "1"
        return response

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        status = error.code or 500
        response = tell(status, SENTENCES.get(status, str(error.description)))
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        observer.crashed(error)
        return tell(500, "an error in Batchwarden; its log has the details")


def create_status_app(why_not_ready: Callable[[], str], metrics: Callable[[], bytes]) -> Flask:
    """Make the application of the status port; ``why_not_ready`` gives the reason why not, or nothing."""
    app = Flask("batchwarden-status", static_folder=None)

    @app.get("/livez")
    def livez() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        reason = why_not_ready()
        return Response(f"{reason or 'ok'}\n", 503 if reason else 200, mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        text = "the status port has /livez, /readyz and /metrics, to be asked with GET"
        return Response(f"{text}\n", error.code or 500, mimetype="text/plain")

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return app
