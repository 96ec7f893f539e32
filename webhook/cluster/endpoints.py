"""Who serves: where the endpoints of the Service are, or the one URL, and what each of them shows who calls it.

A handshake is all that is asked: no request is sent. In TLS 1.3 a server shows its certificate before it asks for the
client's, so those that demand one are seen as well.
"""

import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

from webhook.cluster.api import ANSWER_SECONDS, JSON, Api, decode_json
from webhook.cluster.settings import ControllerSettings

SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
HTTPS: Final = 443
CALL_SECONDS: Final = 2.0
AT_ONCE: Final = 8  # endpoints
BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

T = TypeVar("T")
Answer: TypeAlias = Literal["trusted", "untrusted", "refused", "unknown"]
"""``refused``: nothing serves there; ``unknown``: it could not be asked."""


class Endpoint(NamedTuple):
    """Where something may serve, and whether it is sent requests."""

    host: str
    port: int
    ready: bool = True


class Handshake(NamedTuple):
    """What came of one with an endpoint, with the reason in words where it is not trusted."""

    endpoint: Endpoint
    answer: Answer
    reason: str = ""


def find_endpoints(api: Api, settings: ControllerSettings) -> list[Endpoint]:
    """Name the endpoints of the Service, ready or not, or that of the URL; raises ApiError."""
    if settings.url:
        parts = urlsplit(settings.url)
        return [Endpoint(parts.hostname or "", parts.port or HTTPS)]
    wanted, home = settings.reached_by, settings.namespace
    service = api.get(f"/api/v1/namespaces/{home}/services/{wanted.name}")
    if service is None:
        return []
    names = {port.get("name", "") for port in service["spec"].get("ports") or () if port["port"] == wanted.port}
    query = {"labelSelector": f"kubernetes.io/service-name={wanted.name}"}
    slices = decode_json(api.read(SLICES.format(home), query, JSON, ANSWER_SECONDS), dict[str, Any])
    return list(dict.fromkeys(each for item in slices.get("items") or () for each in _endpoints(item, names)))


def _endpoints(item: dict[str, Any], names: set[str]) -> Iterator[Endpoint]:
    """Name the endpoints of a slice; where it is not known whether one is ready, it is.

    Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    """
    for port in item.get("ports") or ():
        if (port.get("name") or "") in names and port.get("port"):
            for each in item.get("endpoints") or ():
                ready = (each.get("conditions") or {}).get("ready")
                yield Endpoint(each["addresses"][0], port["port"], ready is not False)


def show_all(endpoints: Iterable[Endpoint], host: str) -> list[bytes] | None:
    """Give the certificate (PEM) that each serves; None if one could not be asked; who refuses serves nothing."""
    shown = _ask_all(endpoints, lambda each: _show(each, host))
    return None if None in shown else [certificate for certificate in shown if certificate]


def verify_all(endpoints: Iterable[Endpoint], host: str, bundle: bytes) -> list[Handshake]:
    """Tell of each whether a client that trusts the bundle (PEM) and calls for the host would trust it."""
    return _ask_all(endpoints, lambda each: _verify(each, host, bundle))


def read_blocks(pem: bytes) -> list[bytes]:
    """Give each certificate of a text once, as it is written."""
    return list(dict.fromkeys(block + b"\n" for block in BLOCK.findall(pem)))


def _ask_all(endpoints: Iterable[Endpoint], ask: Callable[[Endpoint], T]) -> list[T]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, endpoints))


def _show(endpoint: Endpoint, host: str) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is looked at, not trusted
    try:
        return _call(endpoint, host, context)
    except ConnectionRefusedError:
        return b""
    except OSError:
        return None


def _verify(endpoint: Endpoint, host: str, bundle: bytes) -> Handshake:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as Go, where each certificate of a bundle is a root
    try:
        context.load_verify_locations(cadata="".join(block.decode("ascii") for block in read_blocks(bundle)))
        _call(endpoint, host, context)
    except ConnectionRefusedError:
        return Handshake(endpoint, "refused", "nothing listens there")
    except ssl.SSLCertVerificationError as error:
        return Handshake(endpoint, "untrusted", error.verify_message)
    except (OSError, ValueError) as error:  # ValueError: of a text that is no certificate
        return Handshake(endpoint, "unknown", str(error))
    return Handshake(endpoint, "trusted")


def _call(endpoint: Endpoint, host: str, context: ssl.SSLContext) -> bytes:
    with (
        create_connection((endpoint.host, endpoint.port), CALL_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"").encode()


def why_not(handshakes: Sequence[Handshake]) -> str:
    """Say why API servers should not yet be sent there; empty where one that is ready is trusted, and none is not."""
    if wrong := [each for each in handshakes if each.answer == "untrusted"]:
        return f"{_place(wrong[0].endpoint)} serves a certificate that the CA does not vouch for: {wrong[0].reason}"
    ready = [each for each in handshakes if each.endpoint.ready]
    if lost := [each for each in ready if each.answer != "trusted"]:
        return f"{_place(lost[0].endpoint)} does not answer: {lost[0].reason}"
    return "" if ready else "no endpoint is ready"


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"
