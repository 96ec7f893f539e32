"""The API server, reached as kubectl reaches it; the official client is known here alone, and none of its models.

Its configuration, authentication and transport are used; objects stay bytes. To import it takes 0.2 s and 22 MiB beside
urllib3, most of it for kinds of authentication, so this module is imported only by who talks to a cluster.
"""

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION, ConfigException, load_incluster_config, load_kube_config
from msgspec import DecodeError, Struct, json
from urllib3 import exceptions

CONNECT_SECONDS: Final = 5.0
CONNECTIONS: Final = 16  # kept open: one for each kind that is watched, and some to spare
CHUNK: Final = 65536  # bytes
MOST_TOLD: Final = 500  # characters of what an API server says
OK: Final = 200
SILENT: Final = "silent"


class ConfigurationError(Exception):
    """No cluster can be reached this way: for whoever starts the program, in one sentence."""


class ApiError(Exception):
    """The API server did not answer as asked: status 0 where it did not answer at all; one sentence.

    ``reason`` is a word for metrics; ``retry_after`` are seconds that it asked for.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0) -> None:
        """Remember what there is to decide by beside the sentence."""
        super().__init__(message)
        self.status, self.reason, self.retry_after = status, reason, retry_after


class Status(Struct, frozen=True):
    """What an API server says of a failure: ``metav1.Status``."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Api:
    """Reads an API server, from any number of threads."""

    def __init__(self, configuration: Configuration) -> None:
        """Take where it is and how to authenticate; nothing is sent yet."""
        configuration.retries = False  # when to try again is decided here, with jitter
        configuration.keep_alive = True
        configuration.connection_pool_maxsize = CONNECTIONS
        self.host: str = configuration.host
        self._client = ApiClient(configuration)
        self._client.user_agent = f"batchwarden/{version('batchwarden')}"

    def read(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> bytes:
        """Give what is at a path; raises ApiError. The seconds are those of silence that are borne."""
        return b"".join(self.stream(path, query, accept, seconds))

    def stream(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> Iterator[bytes]:
        """Give what is at a path as it comes in, after an empty first part that tells of the head; raises ApiError."""
        try:
            answer = self._ask(path, query, accept, seconds)
            try:
                if answer.status != OK:
                    raise _refusal(answer)
                yield b""
                yield from answer.stream(CHUNK)
            finally:
                answer.close() if answer.isclosed() is False else answer.release_conn()
        except exceptions.ReadTimeoutError as error:
            raise ApiError(0, SILENT, f"{self.host} says nothing: {_short(error)}") from error
        except (exceptions.HTTPError, ApiException, ConfigException, OSError) as error:
            raise ApiError(0, "unreachable", f"{self.host} cannot be reached: {_short(error)}") from error

    def _ask(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> Any:  # noqa: ANN401 - urllib3's
        asked = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
        )
        return self._client.call_api(*asked, _request_timeout=(CONNECT_SECONDS, seconds)).response


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Api:
    """Find the cluster as kubectl does: the kubeconfig, $KUBECONFIG or ~/.kube/config, else that of the pod around us.

    Raises ConfigurationError.
    """
    configuration = Configuration()
    named = str(kubeconfig) if kubeconfig else KUBE_CONFIG_DEFAULT_LOCATION
    try:
        if kubeconfig or context or any(Path(file).expanduser().is_file() for file in named.split(os.pathsep)):
            load_kube_config(  # type: ignore[no-untyped-call]
                named, context, client_configuration=configuration, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise ConfigurationError(
            f"no cluster to talk to: {error}; give --kubeconfig and --context, or run in a pod with a service account"
        ) from error
    except Exception as error:  # the client raises whatever its reading of a broken file ends in
        raise ConfigurationError(f"the kubeconfig {named} cannot be used: {error!r}") from error
    return Api(configuration)


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
    )


def _short(error: BaseException) -> str:
    return str(error)[:MOST_TOLD] or type(error).__name__
