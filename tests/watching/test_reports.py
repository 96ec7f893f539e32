"""What a scan asks, writes and bears with: refusals, an API server that is slow or away, and its own bound."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from policies.quantity import amounts
from policies.rule import LimitRange
from policies.selection import Snapshot
from policies.selector import LabelSelector
from tests.policies.build import cluster, cron_job, exception, local, one_off
from tests.watching.cluster import ClusterServer, cluster_server
from tests.watching.test_endpoints import settings
from tests.watching.watched import Watched
from webhook.audit.tally import Rank
from webhook.cluster.api import ApiError
from webhook.cluster.listing import PAGE
from webhook.cluster.reports.keeper import ReportKeeper
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.reports.quotas import Quotas
from webhook.cluster.reports.scanner import Scanner
from webhook.cluster.reports.writer import MOST_AWAY, WRITE_SECONDS
from webhook.cluster.settings import Reports

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND, EVERY = timedelta(seconds=1), timedelta(seconds=600)
LARGEST = LimitRange(max=amounts({"cpu": "1"}))
HOUSE = cluster("house", {"backoffLimit": {"max": 3}})
WGPOLICY, OPENREPORTS = "/apis/wgpolicyk8s.io/v1alpha2", "/apis/openreports.io/v1alpha1"
BOTH = {
    *((WGPOLICY, plural) for plural in ("policyreports", "clusterpolicyreports")),
    *((OPENREPORTS, plural) for plural in ("reports", "clusterreports")),
}


class Bench:
    """A keeper at work on a server that serves one kind of reports."""

    def __init__(self, server: ClusterServer, **reports: Any) -> None:
        self.server, self.watched, self.waits = server, Watched(), list[float]()
        server.served |= {each for each in BOTH if each[0] == WGPOLICY}
        self.snapshot: Snapshot | None = Snapshot([HOUSE])
        self.at = AT
        self.clock = 0.0
        self.given: dict[str, Any] = {"exempt_namespaces": ("kube-system",)}
        self.keeper = self.another(**reports)

    def another(self, **reports: Any) -> ReportKeeper:
        self.watched = Watched()
        told = ScanObserver(self.watched.registry, self.watched.observer, lambda: self.clock)
        given = settings(**self.given, reports=structs.replace(Reports(), **reports))
        scanner = Scanner(self.server.api, given, told, self.waits.append)
        return ReportKeeper(scanner, EVERY, lambda: self.snapshot, told)

    def scan(self, keeper: ReportKeeper | None = None) -> list[str]:
        """Let ten minutes pass and a keeper look; return what it has written."""
        return self.look(EVERY, keeper)

    def look(self, after: timedelta, keeper: ReportKeeper | None = None) -> list[str]:
        """Let some time pass and a keeper look; return what it has written."""
        self.at += after
        self.server.asked.clear()
        (keeper or self.keeper).keep(self.at)
        return self.server.written

    def have(self, *names: str, namespace: str = "a", **job: Any) -> None:
        """Have CronJobs of these names."""
        for name in names:
            metadata = {"namespace": namespace, "name": name, "uid": f"{namespace}/{name}"}
            key = ("/apis/batch/v1", "cronjobs", namespace, name)
            self.server.objects[key] = cron_job(metadata=metadata, job=job)

    def lose(self, name: str) -> None:
        del self.server.objects["/apis/batch/v1", "cronjobs", "a", name]

    def reports(self, where: str = WGPOLICY) -> list[str]:
        """Return the names of the reports that are there."""
        return sorted(
            name.removeprefix("batchwarden-cronjob-") for group, _, _, name in self.server.objects if group == where
        )

    def state(self) -> str:
        return self.watched.messages("reports")[-1]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with cluster_server() as server:
        yield Bench(server)


def test_only_what_has_changed_is_written(bench: Bench) -> None:
    bench.have("x", "y")
    assert bench.scan() == ["PATCH batchwarden-cronjob-x", "PATCH batchwarden-cronjob-y", "PATCH batchwarden"]
    assert bench.scan() == []
    bench.have("y", backoffLimit=1)
    bench.have("z", backoffLimit=1)
    bench.lose("x")
    assert bench.scan(bench.another()) == [
        *("PATCH batchwarden-cronjob-y", "PATCH batchwarden-cronjob-z", "PATCH batchwarden"),
        "DELETE batchwarden-cronjob-x",
    ]
    assert bench.state() == "each report is as it should be"


def test_writes_are_paced(bench: Bench) -> None:
    bench.have("x", "y")
    bench.scan()
    assert bench.waits == [WRITE_SECONDS] * 3


def test_what_an_api_server_drops_is_written_once(bench: Bench) -> None:
    bench.have("x")
    bench.server.prune = lambda manifest: {key: value for key, value in manifest.items() if key != "scope"}
    bench.scan()
    assert bench.scan() == []
    keeper = bench.another()
    assert [len(bench.scan(keeper)) for _ in range(2)] == [1, 0]
    key = (WGPOLICY, "policyreports", "a", "batchwarden-cronjob-x")
    bench.server.objects[key] = {**bench.server.objects[key], "summary": {}}
    assert bench.scan(keeper) == ["PATCH batchwarden-cronjob-x"]


def test_only_a_report_that_is_there_is_read_before_it_is_written(bench: Bench) -> None:
    bench.have("x")
    for limit, read in ((9, 0), (9, 0), (8, 1)):
        bench.have("x", backoffLimit=limit)
        bench.scan()
        assert sum(path.endswith("-x") for method, path in bench.server.asked if method == "GET") == read, limit


def test_lists_are_read_page_by_page(bench: Bench) -> None:
    bench.have(*(f"{number:03}" for number in range(2 * PAGE + 1)))
    bench.scan()
    assert len(bench.reports()) == 2 * PAGE + 2
    assert bench.scan() == []
    assert bench.server.asked.count(("GET", "/apis/batch/v1/cronjobs")) == 3


@pytest.mark.parametrize("status", [403, 422, 500])
def test_what_is_refused_for_one_stops_no_other(bench: Bench, status: int) -> None:
    bench.have("x", "y", "z")
    bench.server.refuse = lambda method, path: status * (method == "PATCH" and path.endswith("-y"))
    bench.scan()
    assert bench.reports() == ["batchwarden", "x", "z"]
    assert bench.state() == f"a/batchwarden-cronjob-y and perhaps others: {status} refused"
    assert bench.watched.metric("report_writes_total", outcome="refused") == 1
    bench.server.refuse = lambda _method, _path: 0
    assert bench.scan() == ["PATCH batchwarden-cronjob-y"]
    assert bench.state() == "each report is as it should be"


def test_an_api_server_that_has_no_time_is_asked_again(bench: Bench) -> None:
    bench.have("x", "y")
    busy = [429, 503, 429]
    bench.server.refuse = lambda method, _path: busy.pop() if method == "PATCH" and busy else 0
    bench.scan()
    assert bench.reports() == ["batchwarden", "x", "y"]
    assert bench.waits == [WRITE_SECONDS, 1, 1, 1, WRITE_SECONDS, WRITE_SECONDS]


@pytest.mark.parametrize("status", [503, 504])
def test_a_scan_ends_where_nobody_is_there_to_write_to_and_deletes_nothing(bench: Bench, status: int) -> None:
    bench.have("x")
    bench.scan()
    bench.lose("x")
    bench.have(*"abcdefgh")
    bench.server.refuse = lambda method, _path: status * (method == "PATCH")
    bench.clock += 7
    with pytest.raises(ApiError, match=f"{status} refused"):
        bench.scan()
    assert bench.watched.metric("scan_age_seconds") == 7  # of the last whole one
    assert bench.watched.metric("report_writes_total", outcome="refused") == MOST_AWAY
    assert bench.watched.metric("scans_total", outcome="failed") == 1
    assert bench.reports() == ["batchwarden", "x"]


@pytest.mark.parametrize("plural", ["cronjobs", "jobs"])
def test_a_scan_ends_where_what_is_judged_cannot_be_listed(bench: Bench, plural: str) -> None:
    bench.server.refuse = lambda _method, path: 403 * path.endswith(f"/{plural}")
    with pytest.raises(ApiError, match="403 refused"):
        bench.scan()
    assert bench.keeper.violations is None


def test_events_that_cannot_be_listed_are_missed_and_nothing_else(bench: Bench) -> None:
    bench.have("x")
    bench.server.refuse = lambda _method, path: 403 * path.endswith("/events")
    bench.scan()
    assert bench.reports() == ["batchwarden", "x"]
    assert bench.state() == "what Events tell is missing, since they cannot be listed: 403 refused"


def test_one_of_two_kinds_is_written_and_nothing_of_ours_stays_of_the_other(bench: Bench) -> None:
    bench.have("x")
    bench.server.served |= BOTH
    found = []
    for api in ("auto", "openreports.io", "none", "wgpolicyk8s.io"):
        bench.scan(bench.another(api=api))
        found.append((bench.reports(WGPOLICY), bench.reports(OPENREPORTS)))
    there = ["batchwarden", "x"]
    assert found == [(there, []), ([], there), ([], []), (there, [])]


@pytest.mark.parametrize(("api", "left"), [("auto", 1), ("openreports.io", 1), ("none", 0)])
def test_reports_of_denials_stay_where_reports_are_written(bench: Bench, api: str, left: int) -> None:
    bench.server.served |= BOTH
    for group, plural in ((WGPOLICY, "policyreports"), (OPENREPORTS, "reports")):
        denials = {"metadata": {"namespace": "a", "name": "denials", "labels": {"batchwarden.io/report": "denials"}}}
        bench.server.put((group, plural, "a", "denials"), denials)
    bench.scan(bench.another(api=api))
    where = OPENREPORTS if api == "openreports.io" else WGPOLICY
    found = [group for group, _, _, name in bench.server.objects if name == "denials"]
    assert found == [where] * left


@pytest.mark.parametrize(
    ("served", "api", "why"),
    [
        ("", "auto", "the API server serves none (auto)"),
        (OPENREPORTS, "wgpolicyk8s.io", "the API server serves none (wgpolicyk8s.io)"),
        (OPENREPORTS, "none", "none are wanted"),
    ],
)
def test_where_there_is_no_kind_of_reports_all_the_same_is_counted(
    bench: Bench, served: str, api: str, why: str
) -> None:
    bench.have("x")
    bench.server.served = {each for each in bench.server.served if each[0] != WGPOLICY}
    bench.server.served |= {each for each in BOTH if each[0] == served}
    keeper = bench.another(api=api)
    assert bench.scan(keeper) == []
    assert keeper.violations == {("", "house"): {"backoffLimit": 1}}
    assert bench.state() == f"what is found is in metrics and in the status of policies alone: {why}"


def test_only_what_admission_judges_is_looked_at(bench: Bench) -> None:
    team = LabelSelector(match_labels={"team": "x"})
    bench.given |= {"namespace_selector": team, "object_selector": team}
    bench.snapshot = Snapshot([HOUSE], namespaces={name: {"team": "x"} for name in ("a", "kube-system")})
    for namespace, labels in (("a", {"team": "x"}), ("a", {}), ("b", {"team": "x"}), ("kube-system", {"team": "x"})):
        name = f"{namespace}-{len(labels)}"
        bench.have(name, namespace=namespace)
        metadata = bench.server.objects["/apis/batch/v1", "cronjobs", namespace, name]["metadata"]
        metadata["labels"] = labels
    bench.scan(bench.another())
    assert bench.reports() == ["a-1", "batchwarden"]


def test_what_is_found_is_told_as_metrics(bench: Bench) -> None:
    bench.have("x", "y")
    bench.have("fine", backoffLimit=1)
    bench.have("z", namespace="kube-system")
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    metadata = {"namespace": "a", "name": "once", "uid": "once"}
    bench.server.objects["/apis/batch/v1", "jobs", "a", "once"] = {**one_off(metadata=metadata), "status": done}
    bench.scan()
    bench.clock += 7
    told = {
        name: bench.watched.metric(name)
        for name in ("scan_objects", "scan_age_seconds", "finished_jobs_without_ttl", "reports", "reports_left_out")
    }
    assert told == {
        "scan_objects": 5,
        "scan_age_seconds": 7,
        "finished_jobs_without_ttl": 1,
        "reports": 4,
        "reports_left_out": 0,
    }
    assert bench.watched.metric("findings", rule="backoffLimit", result="fail") == 3
    assert bench.watched.metric("consequences", kind="keptForEver") == 1
    assert bench.watched.metric("scans_total", outcome="done") == 1
    assert bench.watched.metric("report_writes_total", outcome="written") == 5


def test_reports_that_cannot_be_listed_are_not_written(bench: Bench) -> None:
    bench.have("x")
    bench.server.served |= BOTH
    bench.server.refuse = lambda _method, path: 403 * path.endswith("reports")
    assert bench.scan() == []
    assert bench.keeper.violations == {("", "house"): {"backoffLimit": 1}}
    assert bench.state() == (
        "reports of openreports.io are neither written nor cleared away, since they cannot be listed: 403 refused; "
        "reports of wgpolicyk8s.io are neither written nor cleared away, since they cannot be listed: 403 refused"
    )


@pytest.mark.parametrize("away", ["wgpolicyk8s.io", "openreports.io"])
def test_a_kind_of_reports_whose_own_server_is_away_stops_no_scan(bench: Bench, away: str) -> None:
    bench.have("x")
    bench.server.served |= BOTH
    bench.server.refuse = lambda _method, path: 503 * (away in path)
    bench.scan()
    assert bench.keeper.violations == {("", "house"): {"backoffLimit": 1}}
    assert bench.reports() == (["batchwarden", "x"] if away == "openreports.io" else [])
    assert bench.reports(OPENREPORTS) == []  # never both
    assert bench.state().startswith(f"reports of {away} are neither written nor cleared away")


def test_what_an_error_of_ours_hides_keeps_its_report(bench: Bench) -> None:
    bench.have("x")
    bench.have("y", namespace="b")
    bench.scan()
    bench.lose("x")
    bench.snapshot = Snapshot([HOUSE], namespaces={"b": None})  # type: ignore[dict-item]
    assert bench.scan() == ["PATCH batchwarden"]
    assert "an error in Batchwarden, tried again: TypeError" in bench.watched.messages("reports: objects")[0]
    bench.snapshot = Snapshot([HOUSE])
    assert bench.scan() == ["PATCH batchwarden", "DELETE batchwarden-cronjob-x"]


def test_failures_come_first_within_the_bound_and_it_is_never_passed(bench: Bench) -> None:
    bench.have("a", "b", "c", backoffLimit=1)
    bench.have("x")
    keeper = bench.another(max_reports=2)  # which counts first
    bench.scan(keeper)
    assert bench.reports() == ["a", "batchwarden", "x"]
    assert bench.watched.metric("reports_left_out") == 2
    bench.have("y")
    bench.scan(keeper)  # a failure that is new waits for the next scan: now it is known
    assert bench.reports() == ["a", "batchwarden", "x"]
    assert bench.scan(keeper) == ["PATCH batchwarden", "DELETE batchwarden-cronjob-a"]
    assert bench.look(5 * SECOND, keeper) == ["PATCH batchwarden-cronjob-y", "PATCH batchwarden"]
    assert bench.reports() == ["batchwarden", "x", "y"]


def test_other_policies_have_objects_counted_anew_where_not_all_have_a_report(bench: Bench) -> None:
    bench.have("a", "b", backoffLimit=1)
    bench.have("x", "y")
    keeper = bench.another(max_reports=2)
    bench.scan(keeper)
    assert bench.reports() == ["batchwarden", "x", "y"]
    # by which a and b are the worse ones; the reports of x and y go first, and soon after it there is room
    bench.snapshot = Snapshot([cluster("house", {"backoffLimit": {"max": 0}, "activeDeadline": {"maxSeconds": 60}})])
    for name in "ab":
        bench.have(name, backoffLimit=1)
    for name in "xy":
        bench.have(name, backoffLimit=0, activeDeadlineSeconds=60)
    bench.look(5 * SECOND, keeper)
    bench.look(5 * SECOND, keeper)
    assert bench.reports() == ["a", "b", "batchwarden"]


def test_all_that_gets_better_keeps_its_report(bench: Bench) -> None:
    keeper = bench.another(max_reports=3)
    bench.have("x", "y", "z")
    bench.scan(keeper)
    bench.have("x", "y", "z", backoffLimit=1)
    assert bench.scan(keeper) == [f"PATCH batchwarden-cronjob-{name}" for name in "xyz"] + ["PATCH batchwarden"]


def test_where_room_cannot_be_made_nobody_scans_for_it_again_and_again(bench: Bench) -> None:
    bench.have("x")
    keeper = bench.another(max_reports=1)
    bench.scan(keeper)
    bench.lose("x")
    bench.have("y")
    bench.server.refuse = lambda method, _path: 403 * (method == "DELETE")
    bench.scan(keeper)
    assert bench.reports() == ["batchwarden", "x"]
    bench.look(5 * SECOND, keeper)
    assert not bench.server.asked


@pytest.mark.parametrize(
    ("places", "expected", "ranks", "admitted"),
    [
        (2, {}, "PFP", "PF"),
        (2, {"F": 1, "P": 2}, "PPF", "PF"),
        (2, {"F": 3, "W": 9}, "WFF", "FF"),
        (3, {"F": 1, "P": 1}, "PPFF", "PPF"),
        (0, {}, "F", ""),
        (1, {}, "UF", "F"),
        (2, {"F": 2}, "PP", "PP"),
    ],
    ids=range(7),
)
def test_places_are_kept_for_the_worst(places: int, expected: dict[str, int], ranks: str, admitted: str) -> None:
    by_letter = {rank.name[0]: rank for rank in Rank}
    quotas = Quotas(places, {by_letter[letter]: count for letter, count in expected.items()})
    assert "".join(letter for letter in ranks if quotas.admit(by_letter[letter])) == admitted
    assert quotas.left_out == len(ranks.replace("U", "")) - len(admitted)


def test_a_scan_is_at_the_start_every_so_often_and_soon_after_a_change(bench: Bench) -> None:
    def scans(after: timedelta) -> bool:
        bench.look(after)
        return bool(bench.server.asked)

    bench.snapshot = None
    assert not scans(SECOND)
    bench.snapshot = Snapshot([HOUSE], namespaces={"a": {}})
    assert [scans(after) for after in (SECOND, SECOND, EVERY - 2 * SECOND, SECOND)] == [True, False, False, True]
    assert scans(-EVERY)  # the clock is set back
    for changed in (
        Snapshot([HOUSE, local("mine", {"backoffLimit": {"max": 1}})], namespaces={"a": {}}),
        Snapshot([HOUSE], [exception(namespace="a")], namespaces={"a": {}}),
        Snapshot([HOUSE], namespaces={"a": {"level": "strict"}}),
        Snapshot(
            [HOUSE], namespaces={"a": {"level": "strict"}}, limit_ranges={"a": LimitRange(max=amounts({"cpu": "1"}))}
        ),
    ):
        bench.snapshot = changed
        assert [scans(SECOND), scans(3 * SECOND), scans(SECOND)] == [False, False, True]
    bench.snapshot = Snapshot([HOUSE], namespaces={"a": {}})
    bench.look(EVERY)
    # a namespace without objects, and a CronJob, decide about no object that is there
    bench.snapshot = Snapshot([HOUSE], namespaces={"a": {}, "b": {}}, owners={("a", "x"): {}})
    assert not scans(6 * SECOND)


def test_a_scan_is_when_an_exception_ends(bench: Bench) -> None:
    mild = cluster("p", {"activeDeadline": {"maxSeconds": 60}}, exceptions={"maxDays": 90})
    ends = [f"{AT + seconds * SECOND:%Y-%m-%dT%H:%M:%SZ}" for seconds in (700, 650)]
    bench.snapshot = Snapshot([mild], [exception(namespace="a", expiresAt=end) for end in ends])
    looks = [
        bool(bench.look(after) or bench.server.asked) for after in (EVERY, 49 * SECOND, SECOND, 49 * SECOND, SECOND)
    ]
    assert looks == [True, False, True, False, True]
