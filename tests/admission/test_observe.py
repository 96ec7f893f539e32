"""Each decision is one JSON line and a few counts, without what objects hold; a broken log stops nobody."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from policies.catalog import rules
from policies.rule import Rule
from tests.admission.reviews import CRON_JOB, JOB, UID, Raw, body, context, filled, request, sent, tweaked
from webhook.admission import review
from webhook.admission.decide import Context, mutate, validate
from webhook.admission.observe import Log, Observer

SECRET = "hunter2-never-log-this"
SAMPLE = re.compile(r"^batchwarden_(\S+?(?:\{.*\})?) (\S+)$", re.MULTILINE)
DENYING = context("""
spec:
  action: Deny
  rules:
    activeDeadline: {defaultSeconds: 60}
    resourceLimits: {}
    backoffLimit: {max: 1, action: Warn}
""")


def observer() -> tuple[Observer, io.BytesIO]:
    stream = io.BytesIO()
    return Observer(Log(stream)), stream


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    """Read the log; the time of each line is checked and left out."""
    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time")) for line in read)
    return read


def samples(watched: Observer) -> dict[str, float]:
    """Read the metrics that are not zero, but for when they were made."""
    found = {name: float(value) for name, value in SAMPLE.findall(watched.scrape().decode())}
    return {name: value for name, value in found.items() if value and "_created" not in name}


def decided(watched: Observer, asked: Raw, given: Context = DENYING) -> None:
    decoded = review.read(body(asked), "application/json")
    for name, door in (("mutate", mutate), ("validate", validate)):
        watched.decided(name, decoded, door(decoded, given), 0.0012345)


def test_a_decision_is_one_line() -> None:
    watched, stream = observer()
    decided(watched, request(sent(JOB)))
    common = {
        "level": "info",
        "event": "admission",
        "uid": UID,
        "user": "tenant",
        "operation": "CREATE",
        "object": "Job team-a/import",
    }
    assert lines(stream) == [
        {
            **common,
            "webhook": "mutate",
            "decision": "defaulted",
            "defaults": ["spec.activeDeadlineSeconds"],
            "milliseconds": 1.234,
        },
        {
            **common,
            "webhook": "validate",
            "decision": "denied",
            "rules": ["backoffLimit", "resourceLimits", "activeDeadline"],
            "milliseconds": 1.234,
        },
    ]


def test_what_is_particular_to_a_request_is_in_its_line() -> None:
    watched, stream = observer()
    decided(watched, request({**JOB, "metadata": {"generateName": "x-"}}, dryRun=True), context())
    decided(watched, request(CRON_JOB, namespace="batchwarden"))
    decided(watched, request(JOB), context("spec: {rules: {resourceLimits: {}}}"))
    first, _, third, _, _, last = lines(stream)
    assert (first["object"], first["dryRun"], first["decision"]) == ("Job team-a/(generated)", True, "allowed")
    assert (third["object"], third["decision"], third["exempt"]) == (
        "CronJob batchwarden/nightly",
        "exempt",
        "exempt namespace",
    )
    assert (last["decision"], last["rules"]) == ("warned", ["resourceLimits"])
    assert "dryRun" not in last
    assert "exempt" not in last


def test_decisions_are_counted() -> None:
    watched, _ = observer()
    decided(watched, request(sent(JOB)))
    decided(watched, request(sent(JOB), dryRun=True))
    decided(watched, request({"kind": SECRET}))
    counted = samples(watched)
    labels = 'admission_decisions_total{{decision="{}",dry_run="{}",kind="{}",operation="CREATE",webhook="{}"}}'
    assert {name: value for name, value in counted.items() if not name.startswith("admission_seconds")} == {
        labels.format("defaulted", "false", "Job", "mutate"): 1,
        labels.format("defaulted", "true", "Job", "mutate"): 1,
        labels.format("denied", "false", "Job", "validate"): 1,
        labels.format("denied", "true", "Job", "validate"): 1,
        labels.format("exempt", "false", "other", "mutate"): 1,
        labels.format("exempt", "false", "other", "validate"): 1,
        'defaults_written_total{rule="activeDeadline"}': 2,
        'violations_total{action="Deny",rule="activeDeadline"}': 2,
        'violations_total{action="Deny",rule="resourceLimits"}': 2,
        'violations_total{action="Warn",rule="backoffLimit"}': 2,
    }
    assert counted['admission_seconds_count{webhook="mutate"}'] == 3
    assert counted['admission_seconds_bucket{le="0.0025",webhook="mutate"}'] == 3
    assert 'admission_seconds_bucket{le="0.001",webhook="mutate"}' not in counted


def crash(job: Any, *_: object) -> Any:
    raise ValueError(f"cannot read {job.raw}")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Context:
    rule = rules()["activeDeadline"]
    broken = Rule(rule.module, rule.doc, rule.params, crash, crash)
    monkeypatch.setattr("policies.objects.rules", lambda: {**rules(), "activeDeadline": broken})
    return context("spec: {rules: {activeDeadline: {defaultSeconds: 9}}}")


def test_a_rule_that_crashed_is_counted_and_its_place_is_logged(crashing: Context) -> None:
    watched, stream = observer()
    decided(watched, request(JOB), crashing)
    assert samples(watched)['rule_failures_total{rule="activeDeadline"}'] == 2
    errors = [line for line in lines(stream) if line["event"] == "error"]
    assert [(line["message"], line["error"], line["uid"]) for line in errors] == [
        ("rule activeDeadline crashed", "ValueError", UID)
    ] * 2
    assert all("in crash\n" in line["traceback"] for line in errors)


def test_what_an_object_holds_is_never_logged(crashing: Context) -> None:
    watched, stream = observer()
    container = {"name": "work", "image": "x:1", "env": [{"name": "PASSWORD", "value": SECRET}], "args": [SECRET]}
    raw = tweaked(filled(JOB), "spec.template.spec.containers", [container])
    raw = tweaked(raw, "metadata.annotations", {"note": SECRET, SECRET: "note"})
    for given in (DENYING, crashing):
        decided(watched, request(raw), given)
    watched.crashed(ValueError(SECRET))
    assert SECRET not in stream.getvalue().decode() + watched.scrape().decode()


def test_hostile_names_make_one_line_of_bounded_length_that_no_terminal_obeys() -> None:
    watched, stream = observer()
    name = "\x1b[31m\n\u202e🚀" * 100_000
    container = {"name": name, "image": "x:1"}
    raw = tweaked(tweaked(JOB, "metadata.name", name), "spec.template.spec.containers", [container])
    decided(watched, request(raw), context("spec: {rules: {resourceLimits: {defaults: {memory: 1Gi}}}}"))
    assert stream.getvalue().count(b"\n") == 2
    assert stream.getvalue().replace(b"\n", b"").decode("ascii").isprintable()
    assert len(stream.getvalue()) < 3000


class Text(str):
    """A string of another type, as libraries make them."""

    __slots__ = ()


@pytest.mark.parametrize("text", ["\udcff", "ü", "\x7f", Text("plain")])
def test_any_text_can_be_logged(text: str) -> None:
    watched, stream = observer()
    watched.log.write("server", message=text)
    assert stream.getvalue().replace(b"\n", b"").decode("ascii").isprintable()
    assert [line["message"] for line in lines(stream)] == [text]


class Broken(io.BytesIO):
    """A pipe whose reader is gone."""

    def write(self, _: Any) -> int:
        raise BrokenPipeError


def closed() -> BinaryIO:
    stream = io.BytesIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Broken(), closed()], ids=["broken", "closed"])
def test_a_broken_log_stops_nobody_and_is_counted(stream: BinaryIO) -> None:
    watched = Observer(Log(stream))
    decided(watched, request(sent(JOB)))
    watched.refused(400, "not JSON")
    assert samples(watched)["log_lines_lost"] == 3
    assert samples(watched)['bad_requests_total{status="400"}'] == 1


def test_without_a_stream_the_log_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Log().write("server", message="ok", nothing="", none=None, empty=[], zero=0)
    assert json.loads(capfdbinary.readouterr().out).keys() == {"time", "level", "event", "message", "zero"}


@pytest.mark.parametrize(
    ("least", "told"),
    [("info", ["info", "warning", "error"]), ("warning", ["warning", "error"]), ("error", ["error"])],
)
def test_what_is_below_the_level_is_left_out(least: str, told: list[str]) -> None:
    stream = io.BytesIO()
    watched = Observer(Log(stream, least))
    watched.loaded(DENYING.snapshot)
    watched.refused(413, "too large")
    watched.log.logger().error("no certificate")
    assert [line["level"] for line in lines(stream)] == told


def test_other_events_are_told_and_counted() -> None:
    watched, stream = observer()
    watched.refused(413, "too large")
    watched.crashed(RuntimeError("boom"))
    watched.loaded(DENYING.snapshot)
    watched.loaded(context().snapshot)
    watched.not_loaded("policy.yaml:1:1: \udcff is wrong")
    watched.remarked("policy.yaml:9:5: exception e: there is no policy p here")
    watched.watch(lambda: 1_800_000_000.0)
    assert lines(stream) == [
        {"level": "warning", "event": "refused", "status": 413, "message": "too large"},
        {"level": "error", "event": "error", "message": "a request could not be answered", "error": "RuntimeError"},
        {"level": "info", "event": "policies", "message": "in force", "count": 1, "policies": ["house"]},
        {
            "level": "warning",
            "event": "policies",
            "message": "none is in force: nothing is denied, warned of or written",
            "count": 0,
        },
        {
            "level": "error",
            "event": "policies",
            "message": "changed files are broken; the last good ones stay in force",
            "faults": "policy.yaml:1:1: \udcff is wrong",
        },
        {
            "level": "warning",
            "event": "policies",
            "message": "in force, but look at this",
            "remark": "policy.yaml:9:5: exception e: there is no policy p here",
        },
    ]
    watched.loaded(DENYING.snapshot)
    assert samples(watched) == {
        'bad_requests_total{status="413"}': 1,
        "policies": 1,
        "policy_reload_failures_total": 1,
        "certificate_expiry_timestamp_seconds": 1_800_000_000,
    }


@pytest.fixture
def logger() -> Iterator[tuple[logging.Logger, io.BytesIO]]:
    watched, stream = observer()
    yield watched.log.logger(), stream
    assert logging.getLogger("batchwarden.server").handlers == []


def test_what_the_server_says_is_a_line_too(logger: tuple[logging.Logger, io.BytesIO]) -> None:
    log, stream = logger
    log.debug("not of interest")
    log.info("serving on %s:%s", "127.0.0.1", 8443)
    try:
        Broken().write(b"")
    except BrokenPipeError:
        log.exception("a connection")
    first, second = lines(stream)
    assert first == {"event": "server", "level": "info", "message": "serving on 127.0.0.1:8443"}
    assert second["traceback"].endswith("BrokenPipeError\n")
    assert (second["level"], second["message"]) == ("error", "a connection")
