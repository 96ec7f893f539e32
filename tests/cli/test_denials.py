"""``batchwarden denials`` tells who was refused what, from reports and Events, and what it cannot know."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audit.test_denials import denial, event
from tests.cli.clusters import NAMESPACE, Scene, forbidden
from tests.watching.apiserver import Answer, ApiServer, page, status
from webhook.audit.denials import Denial, Known, fold, read_event
from webhook.audit.policy_reports.denials import write_report
from webhook.audit.policy_reports.report import OPENREPORTS, WGPOLICY
from webhook.audit.values import stamp

EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
WG = f"/apis/wgpolicyk8s.io/v1alpha2/namespaces/{NAMESPACE}/policyreports"
OPEN = f"/apis/openreports.io/v1alpha1/namespaces/{NAMESPACE}/reports"
ASKED = ("denials", "-n", NAMESPACE)
NOW = datetime.now(UTC).replace(microsecond=0)
NOT_THERE = status(404, "404 page not found")


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    made = Scene(server, tmp_path)
    made.answers = {WG: [NOT_THERE], OPEN: [NOT_THERE], EVENTS: [page([])]}
    return made


def recent(name: str = "import", minutes: int = 5, **changes: Any) -> Denial:
    last = NOW - timedelta(minutes=minutes)
    return denial(name, **{"first": last, "last": last} | changes)


def report(*told: Denial) -> Answer:
    return page([write_report(NAMESPACE, Known(told), WGPOLICY)])


def test_a_table_says_who_was_refused_what(scene: Scene) -> None:
    long_ago = recent("old", 60 * 24 * 9, user="someone@example.com", count=7)
    opened = recent("opened", 7, what="break-glass", rules=(), policies=())
    scene.answers[WG] = [report(recent(), long_ago, opened)]
    result = scene.run(*ASKED)
    assert (result.exit_code, result.stderr) == (0, "")
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["LAST", "(UTC)", "COUNT", "USER", "OBJECT", "RULES", "POLICIES"]
    assert [line.split()[2:] for line in lines] == [
        ["1", "tenant", "Job", "team-a/import", "backoffLimit,", "imageTag", "house,", "team-a/own"],
        ["1", "tenant", "Job", "team-a/opened", "break-glass"],
        ["7", "someone@example.com", "Job", "team-a/old", "backoffLimit,", "imageTag", "house,", "team-a/own"],
    ]
    assert {line.index("Job") for line in lines} == {header.index("OBJECT")}


def test_a_table_stays_readable_whatever_people_are_called(scene: Scene) -> None:
    scene.answers[WG] = [report(recent(user="u" * 400), recent("n" * 300))]
    header, *lines = scene.run(*ASKED).stdout.splitlines()
    assert max(map(len, lines)) < 250
    assert {line.count("…") for line in lines} == {1}
    assert header.index("OBJECT") == lines[0].index("Job")


def test_programs_are_told_the_same(scene: Scene) -> None:
    scene.answers[WG] = [report(recent(count=3))]
    (told,) = json.loads(scene.run(*ASKED, "-o", "json").stdout)
    assert told == {
        "what": "denied",
        "user": "tenant",
        "operation": "CREATE",
        "kind": "Job",
        "namespace": "team-a",
        "name": "import",
        "rules": ["backoffLimit", "imageTag"],
        "policies": ["house", "team-a/own"],
        "first": stamp(NOW - timedelta(minutes=5)),
        "last": stamp(NOW - timedelta(minutes=5)),
        "count": 3,
    }


def test_what_is_in_no_report_yet_is_told_and_nothing_twice(scene: Scene) -> None:
    events = [event(recent(), "u1"), event(recent("new"), "u2"), {"metadata": {"name": "x"}}]
    seen = read_event(events[0])
    assert seen
    known, _ = fold(Known(), [seen], NOW)
    scene.answers |= {OPEN: [page([write_report(NAMESPACE, known, OPENREPORTS)])], EVENTS: [page(events)]}
    result = scene.run(*ASKED, "-o", "json")
    assert result.stderr == ""
    assert {each["name"]: each["count"] for each in json.loads(result.stdout)} == {"import": 1, "new": 1}


def test_without_a_report_it_is_said_that_only_an_hour_is_known(scene: Scene) -> None:
    scene.answers[EVENTS] = [page([event(recent())])]
    result = scene.run(*ASKED)
    assert "team-a/import" in result.stdout
    assert result.stderr == (
        "Not known: What was refused more than an hour ago, of which only reports of denials tell "
        "(no API of reports is installed).\n"
    )


def test_what_may_not_be_read_is_said(scene: Scene) -> None:
    scene.answers[WG] = [forbidden("list", "policyreports", "wgpolicyk8s.io", 'in the namespace "team-a"')]
    scene.answers[EVENTS] = [forbidden("list", "events", "", 'in the namespace "team-a"')]
    result = scene.run(*ASKED)
    assert (result.exit_code, result.stdout) == (2, "")  # and not that nobody was refused anything
    first, second = result.stderr.splitlines()
    assert "may not list policyreports.wgpolicyk8s.io in namespace team-a" in first
    assert second.startswith("Not known: What was refused a moment ago, of which only Events tell (")
    assert "may not list events in namespace team-a" in second


def test_reports_are_asked_for_by_their_label_and_events_by_who_wrote_them(scene: Scene, server: ApiServer) -> None:
    scene.run(*ASKED)
    chosen = dict(server.asked)
    assert chosen[WG]["labelSelector"] == "batchwarden.io/report=denials"
    assert chosen[EVENTS]["fieldSelector"] == "source=batchwarden-webhook"


def test_since_leaves_out_what_was_before(scene: Scene) -> None:
    told = report(recent(), recent("old", 90))
    for since, names in (("1h", ["import"]), ("1d", ["import", "old"]), ("1m", [])):
        scene.answers |= {WG: [told], EVENTS: [page([])]}
        assert [each["name"] for each in json.loads(scene.run(*ASKED, "--since", since, "-o", "json").stdout)] == names
    assert "in namespace team-a since 20" in scene.run(*ASKED, "--since", "1m").stdout
    assert "is yet to come" in scene.run(*ASKED, "--since", "2099-01-01").stderr


def test_all_namespaces(scene: Scene) -> None:
    everywhere = {path: [page([])] for path in ("/apis/wgpolicyk8s.io/v1alpha2/policyreports", "/api/v1/events")}
    other = write_report("team-b", Known((recent(namespace="team-b"),)), WGPOLICY)
    exempt = write_report("kube-system", Known((recent(namespace="kube-system"),)), WGPOLICY)
    everywhere["/apis/wgpolicyk8s.io/v1alpha2/policyreports"] = [page([other, exempt])]
    scene.answers = {**everywhere, "/apis/openreports.io/v1alpha1/reports": [NOT_THERE]}
    told = scene.run("denials", "-A").stdout
    assert ("Job team-b/import" in told, "kube-system" in told) == (True, False)
    scene.answers["/apis/wgpolicyk8s.io/v1alpha2/policyreports"] = [page([])]
    assert scene.run("denials", "-A").stdout == "Nobody was refused anything in any namespace, as far as is known.\n"
