"""The API server, reached as kubectl reaches it; the official client is known here alone, and none of its models.

Its configuration, authentication and transport are used; what is read stays bytes, what is written is a plain dict.
To import it takes 0.2 s and 22 MiB beside urllib3, most of it for kinds of authentication, so this module is imported
only by who talks to a cluster.
"""

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION, ConfigException, load_incluster_config
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger
from msgspec import DecodeError, Raw, Struct, field, json
from urllib3 import exceptions

CONNECT_SECONDS: Final = 5.0
CONNECTIONS: Final = 16  # kept open: one for each kind that is watched, and some to spare
CHUNK: Final = 65536  # bytes
ANSWER_SECONDS: Final = 10.0  # of silence that are borne where one object is asked for or written
MOST_TOLD: Final = 500  # characters of what an API server says
MANAGER: Final = "batchwarden"  # of the fields that we write
JSON: Final = "application/json"
OK: Final = 200
DONE: Final = (OK, 201)  # 201 where an object was made
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNAVAILABLE: Final = 503
SILENT: Final = "silent"
GARBAGE: Final = "garbage"
HOME: Final = "default"  # where kubectl looks if nothing names another namespace
IN_CLUSTER_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
EMPTY: Final[Mapping[str, str]] = MappingProxyType({})

Manifest: TypeAlias = dict[str, Any]
Call: TypeAlias = tuple[str, str, Mapping[str, str], Mapping[str, str]]  # method, path, query, headers
T = TypeVar("T")


class ConfigurationError(Exception):
    """No cluster can be reached this way: for whoever starts the program, in one sentence."""


class ApiError(Exception):
    """The API server did not answer as asked: status 0 where it did not answer at all; one sentence.

    ``reason`` is a word for metrics; ``retry_after`` are seconds that it asked for; ``more`` is where a list whose
    pages went stale goes on in the state of that moment.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0, more: str = "") -> None:
        """Remember what there is to decide by beside the sentence."""
        super().__init__(message)
        self.status, self.reason, self.retry_after, self.more = status, reason, retry_after, more


class ListMeta(Struct, frozen=True, rename="camel", kw_only=True):
    """What is said of a list: ``metav1.ListMeta``; ``more`` leads to its next page, and is empty at the end."""

    more: str = field(default="", name="continue")


class Status(Struct, frozen=True):
    """What an API server says of a failure: ``metav1.Status``."""

    message: str = ""
    reason: str = ""
    code: int = 0
    metadata: ListMeta = ListMeta()


class Api:
    """Reads and writes by an API server, from any number of threads; every method raises ApiError.

    ``namespace`` is where objects are meant to be that name none.
    """

    def __init__(self, configuration: Configuration, namespace: str = HOME) -> None:
        """Take where it is and how to authenticate; nothing is sent yet."""
        configuration.retries = False  # when to try again is decided here, with jitter
        configuration.keep_alive = True
        configuration.connection_pool_maxsize = CONNECTIONS
        self.host: str = configuration.host
        self.namespace = namespace
        self._client = ApiClient(configuration)
        self._client.user_agent = f"batchwarden/{version('batchwarden')}"

    def read(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> bytes:
        """Give what is at a path. The seconds are those of silence that are borne."""
        return b"".join(self.stream(path, query, accept, seconds))

    def stream(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> Iterator[bytes]:
        """Give what is at a path as it comes in, after an empty first part that tells of the head."""
        return self._send(("GET", path, query, {"Accept": accept}), None, seconds)

    def get(self, path: str) -> Manifest | None:
        """Give the one object at a path, or None where there is none."""
        try:
            return decode_json(self.read(path, {}, JSON, ANSWER_SECONDS), dict[str, Any])
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def create(self, path: str, manifest: Manifest) -> Manifest:
        """Make an object at the path of its kind; status CONFLICT where it is there already."""
        return self._write("POST", path, manifest)

    def replace(self, path: str, manifest: Manifest) -> Manifest:
        """Write an object whole; status CONFLICT where it has not the ``resourceVersion`` of the manifest any more."""
        return self._write("PUT", path, manifest)

    def apply(self, path: str, manifest: Manifest) -> Manifest:
        """Apply an object server-side as MANAGER, which takes over the fields of others; nothing changes by a second.

        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        query = {"fieldManager": MANAGER, "force": "true"}
        return self._write("PATCH", path, manifest, "application/apply-patch+yaml", query)

    def delete(self, path: str, conditions: Mapping[str, str]) -> None:
        """Delete an object that is still this one, by ``uid``, ``resourceVersion`` or both; else status CONFLICT.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-deletion
        """
        self._write("DELETE", path, {"preconditions": {**conditions}})

    def _write(
        self, method: str, path: str, manifest: Manifest, form: str = JSON, query: Mapping[str, str] = EMPTY
    ) -> Manifest:  # 5 parameters beside self: what HTTP itself has
        body = manifest if form == JSON else json.encode(manifest)  # the client writes JSON itself, and nothing else
        headers = {"Accept": JSON, "Content-Type": form}
        return decode_json(b"".join(self._send((method, path, query, headers), body, ANSWER_SECONDS)), dict[str, Any])

    def _send(self, call: Call, body: Manifest | bytes | None, seconds: float) -> Iterator[bytes]:
        try:
            answer = self._ask(call, body, seconds)
            try:
                if answer.status not in DONE:
                    raise _refusal(answer)
                yield b""
                yield from answer.stream(CHUNK)
            finally:
                answer.close() if answer.isclosed() is False else answer.release_conn()
        except exceptions.ReadTimeoutError as error:
            raise ApiError(0, SILENT, f"{self.host} says nothing: {_short(error)}") from error
        except (exceptions.HTTPError, ApiException, ConfigException, OSError) as error:
            raise ApiError(0, "unreachable", f"{self.host} cannot be reached: {_short(error)}") from error

    def _ask(self, call: Call, body: Manifest | bytes | None, seconds: float) -> Any:  # noqa: ANN401 - urllib3's
        method, path, query, headers = call
        asked = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=dict(headers),
            body=body,
            auth_settings=["BearerToken"],
        )
        return self._client.call_api(*asked, _request_timeout=(CONNECT_SECONDS, seconds)).response


def decode_json(text: bytes | Raw, into: type[T]) -> T:
    """Decode what came; raise ApiError: perhaps a proxy answers, or a page to log in."""
    try:
        return json.decode(text, type=into)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(OK, GARBAGE, f"this is not what an API server answers: {error}") from error


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Api:
    """Find the cluster as kubectl does: the kubeconfig, $KUBECONFIG or ~/.kube/config, else that of the pod around us.

    Raises ConfigurationError.
    """
    configuration = Configuration()
    named = str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
    try:
        if kubeconfig or context or _is_there(named):
            merged = KubeConfigMerger(named).config  # type: ignore[no-untyped-call]
            loader = KubeConfigLoader(merged, context, config_base_path=None)  # type: ignore[no-untyped-call]
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
            home = loader.current_context["context"].get("namespace")
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            home = IN_CLUSTER_NAMESPACE.read_text("utf-8").strip() if IN_CLUSTER_NAMESPACE.is_file() else ""
    except ConfigException as error:
        raise ConfigurationError(
            f"no cluster to talk to: {error}; give --kubeconfig and --context, or run in a pod with a service account"
        ) from error
    except Exception as error:  # the client raises whatever its reading of a broken file ends in
        look = f"kubectl --kubeconfig={named} config view"
        raise ConfigurationError(f"{named} cannot be used: it is no kubeconfig; {look} says what is wrong") from error
    return Api(configuration, str(home or HOME))


def _is_there(named: str) -> bool:
    return any(Path(file).expanduser().is_file() for file in named.split(os.pathsep))


def _refusal(answer: Any) -> ApiError:  # noqa: ANN401 - urllib3's
    body = answer.read(CHUNK)
    try:
        status = json.decode(body, type=Status)
    except (DecodeError, UnicodeDecodeError):
        status = Status(body.decode(errors="replace"))
    after = answer.headers.get("Retry-After", "")
    said = status.message or answer.reason or "no reason is given"
    return ApiError(
        answer.status,
        str(answer.status),
        f"{answer.status} {said[:MOST_TOLD].strip()}",
        float(after) if after.isascii() and after.isdecimal() else 0,
        status.metadata.more,
    )


def _short(error: BaseException) -> str:
    return str(error)[:MOST_TOLD] or type(error).__name__
