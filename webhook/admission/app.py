"""The doors and the errors, and nothing else: bytes in, the decision of one door, bytes out."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wsgi import get_input_stream

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
Environ: TypeAlias = dict[str, Any]  # of WSGI
Door: TypeAlias = Callable[[review.AdmissionRequest, decide.Context], review.Decision]
DOORS: Mapping[str, Door] = {"mutate": decide.mutate, "validate": decide.validate}


class _Api(Flask):
    """Flask, with a shortcut for what is posted to a door: contexts, signals and routes take as long as to judge.

    All else goes the way of Flask, as do the errors of the doors.
    """

    doors: Mapping[str, Callable[[Environ], bytes]] = {}

    def wsgi_app(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        door = self.doors.get(environ["PATH_INFO"])
        if door is None or environ["REQUEST_METHOD"] != "POST":
            return super().wsgi_app(environ, start_response)
        try:
            body = door(environ)
        except Exception as error:  # noqa: BLE001 - whatever is raised, a handler answers it
            with self.request_context(environ):
                return self.make_response(self.handle_user_exception(error))(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def create_app(context: Asking, observer: Observer, record: Callable[[Occurrence], None] = lambda _: None) -> Flask:
    """Make the application that the API server calls; ``context`` gives what decides a request.

    ``record`` takes what leaves an Event; an answer waits for it, so it only takes note.
    """
    app = _Api("batchwarden", static_folder=None)

    def answer(webhook: str, door: Door, environ: Environ) -> bytes:
        start = perf_counter()
        body = get_input_stream(environ, max_content_length=MAX_BODY).read()
        asked = review.read(body, environ.get("CONTENT_TYPE"))
        decision = door(asked, context(asked, lambda: Request(environ).args.get("timeout", "")))
        observer.decided(webhook, asked, decision, perf_counter() - start)
        if occurrence := occurrence_of(webhook, asked, decision):
            record(occurrence)
        return review.write(asked, decision)

    def respond(door: Callable[[Environ], bytes]) -> Response:
        return Response(door(request.environ), mimetype="application/json")

    app.doors = {f"/{webhook}": partial(answer, webhook, door) for webhook, door in DOORS.items()}
    for path, way in app.doors.items():
        app.add_url_rule(path, path, partial(respond, way), methods=["POST"])
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
