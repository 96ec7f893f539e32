"""One log line and a few metrics per decision; never the object's content, which may hold secrets."""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import BinaryIO, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from policies.selection import Snapshot
from policies.workload import KINDS
from webhook.admission.message import quoted
from webhook.admission.review import AdmissionRequest, Decision
from webhook.admission.settings import LEVELS

DEL = b"\x7f"  # the one control character that JSON leaves as it is
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)


class Log:
    """JSON lines on a stream, each written whole; those below a level are left out."""

    def __init__(self, stream: BinaryIO | None = None, least: str = LEVELS[0]) -> None:
        """Take the stream, which is standard output if left out; it is flushed after each line."""
        self.lost = 0  # lines that the stream did not take: the server goes on without them
        self._left_out = LEVELS[: LEVELS.index(least)]
        self._stream = stream or sys.stdout.buffer
        self._lock = Lock()

    def write(self, event: str, level: str = LEVELS[0], **fields: object) -> None:
        """Write one line: time, level, event, the fields that hold something; ASCII, so that no terminal obeys it."""
        if level in self._left_out:
            return
        filled = {key: value for key, value in fields.items() if value not in (None, "", (), [])}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = _ascii({"time": now, "level": level, "event": event, **filled}) + b"\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (OSError, ValueError):  # broken, or closed
                self.lost += 1

    def logger(self) -> logging.Logger:
        """Make a standard logger that writes the same JSON lines, for what the server itself has to say."""
        logger = logging.Logger("batchwarden.server", logging.INFO)  # noqa: LOG001 - not one of the process's own
        logger.addHandler(_Handler(self))
        return logger


def _ascii(fields: dict[str, object]) -> bytes:
    """Write JSON as msgspec does, which is the faster; it escapes no more than it must, and takes fewer types."""
    with suppress(TypeError, ValueError):
        written = msgspec.json.encode(fields)
        if written.isascii() and DEL not in written:
            return written
    return json.dumps(fields, separators=(",", ":")).encode()


class _Handler(logging.Handler):
    """Writes what the server says as JSON lines."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self._log.write("server", level=record.levelname.lower(), message=record.getMessage(), traceback=trace)


Metric = TypeVar("Metric", bound=MetricWrapperBase)


def _labelled(metric: Metric) -> Callable[..., Metric]:
    """Give what finds a metric's child by its labels; to have it looked up each time costs as much as to count."""
    return lru_cache(maxsize=128)(metric.labels)


class Observer:
    """The log and the metrics of one server."""

    def __init__(self, log: Log) -> None:
        """Register the metrics in a registry of their own."""
        self.log = log
        self.registry = registry = CollectorRegistry()
        self._decisions = _labelled(Counter(
            "batchwarden_admission_decisions", "Admission reviews answered.",
            ("webhook", "kind", "operation", "decision", "dry_run"), registry=registry))  # fmt: skip
        self._seconds = _labelled(Histogram(
            "batchwarden_admission_seconds", "From the body's arrival to the answer.",
            ("webhook",), registry=registry, buckets=BUCKETS))  # fmt: skip
        self._violations = _labelled(
            Counter("batchwarden_violations", "Findings, by what was done.", ("rule", "action"), registry=registry)
        )
        self._defaults = _labelled(
            Counter("batchwarden_defaults_written", "Defaults written.", ("rule",), registry=registry)
        )
        self._failures = Counter("batchwarden_rule_failures", "Rules that crashed.", ("rule",), registry=registry)
        self._refused = Counter(
            "batchwarden_bad_requests", "Requests that were no review.", ("status",), registry=registry
        )
        self._policies = Gauge("batchwarden_policies", "Policies in force.", registry=registry)
        self._reload_failures = Counter(
            "batchwarden_policy_reload_failures", "Changes not taken over.", registry=registry
        )
        self._certificate_expiry = Gauge(
            "batchwarden_certificate_expiry_timestamp_seconds", "When the serving certificate ends.", registry=registry
        )
        Gauge("batchwarden_log_lines_lost", "Not taken by the log.", registry=registry).set_function(lambda: log.lost)

    def decided(self, webhook: str, request: AdmissionRequest, decision: Decision, seconds: float) -> None:
        """Record one decision."""
        verb = _verb(decision)
        kind = request.kind.kind if request.kind.kind in KINDS else "other"  # anybody may name another
        self._decisions(webhook, kind, request.operation, verb, str(bool(request.dry_run)).lower()).inc()
        self._seconds(webhook).observe(seconds)
        for violation in decision.violations:
            self._violations(violation.rule, violation.action).inc()
        for written in decision.written:
            self._defaults(written.clause.rule.key).inc()
        for failure in decision.failures:
            self._failures.labels(failure.clause.rule.key).inc()
            self._traceback(f"rule {failure.clause.rule.key} crashed", failure.error, uid=request.uid)
        self.log.write(
            "admission",
            webhook=webhook,
            uid=request.uid,
            user=request.user_info.username,
            operation=request.operation,
            object=quoted(f"{request.kind.kind} {request.namespace}/{request.name or '(generated)'}"),
            decision=verb,
            exempt=decision.exempt,
            rules=list(dict.fromkeys(violation.rule for violation in decision.violations)),
            defaults=[quoted(written.place) for written in decision.written],
            dryRun=request.dry_run or None,
            milliseconds=round(seconds * 1000, 3),
        )

    def refused(self, status: int, text: str) -> None:
        """Record a request that was no review."""
        self._refused.labels(str(status)).inc()
        self.log.write("refused", "warning", status=status, message=text)

    def crashed(self, error: Exception) -> None:
        """Record our own bug."""
        self._traceback("a request could not be answered", error)

    def loaded(self, snapshot: Snapshot) -> None:
        """Record that policies are in force."""
        self._policies.set(len(snapshot.policies))
        names = [policy.name for policy in snapshot.policies]
        message = "in force" if names else "none is in force: nothing is denied, warned of or written"
        level = "info" if names else "warning"
        self.log.write("policies", level, message=message, count=len(names), policies=names)

    def not_loaded(self, faults: str) -> None:
        """Record that changed files are broken, so that the last good policies stay in force."""
        self._reload_failures.inc()
        message = "changed files are broken; the last good ones stay in force"
        self.log.write("policies", "error", message=message, faults=faults)

    def remarked(self, remark: str) -> None:
        """Record what is strange about policies that are in force all the same."""
        self.log.write("policies", "warning", message="in force, but look at this", remark=remark)

    def watch(self, expiry: Callable[[], float]) -> None:
        """Measure at each scrape when the serving certificate ends."""
        self._certificate_expiry.set_function(expiry)

    def scrape(self) -> bytes:
        """Give the metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _traceback(self, text: str, error: Exception, **fields: object) -> None:
        """Tell where our bug is, and of what type; what its message says may be the object's."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        self.log.write("error", "error", message=text, error=type(error).__name__, traceback=frames, **fields)


def _verb(decision: Decision) -> str:
    if decision.exempt:
        return "exempt"
    if not decision.allowed:
        return "denied"
    return "defaulted" if decision.patch is not None else "warned" if decision.warnings else "allowed"
