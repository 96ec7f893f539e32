"""Lists are joined by namespace: nothing is lost, whatever their order, and little is held."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import permutations, product
from typing import Any

import pytest
from msgspec import structs

from policies.objects import Policy
from policies.rule import Rule, RuleParams
from policies.selection import Snapshot
from policies.selector import LabelSelector
from policies.workload import Workload
from tests.policies.build import NOW, cluster, cron_job, exception, made_of, one_off
from tests.policies.cases import merge
from webhook.audit.scan import Judge, LeftOut
from webhook.audit.standing import Standing
from webhook.audit.survey import MOST_EVENTS, MOST_INVOLVED, Ask, Listed, Lists, survey
from webhook.audit.tally import Rank, Tally

DONE = {"conditions": [{"type": "Complete", "status": "True"}], "startTime": "2026-11-20T00:00:00Z"}


def metadata(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "uid": f"{namespace}/{name}"}


def nightly(namespace: str, name: str = "nightly", **spec: Any) -> dict[str, Any]:
    return cron_job(metadata=metadata(namespace, name), **spec)


def run(namespace: str, name: str, cronjob: str = "nightly") -> dict[str, Any]:
    """Return a Job that a CronJob made."""
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cronjob, "controller": True}
    owners = [owner | {"uid": f"{namespace}/{cronjob}"}]
    return {**one_off(metadata=metadata(namespace, name) | {"ownerReferences": owners}), "status": DONE}


def once(namespace: str, name: str = "once", **spec: Any) -> dict[str, Any]:
    return one_off(metadata=metadata(namespace, name), **spec)


def event(namespace: str, uid: str, second: int = 0, reason: str = "FailedCreate") -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": f"{uid}.{second}"},
        "involvedObject": {"uid": f"{namespace}/{uid}"},
        "reason": reason,
        "message": 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged',
        "lastTimestamp": f"2026-11-21T11:{second // 60:02}:{second % 60:02}Z",
    }


def listed(manifests: Iterable[dict[str, Any]]) -> Iterator[Listed]:
    return (Listed(each, 100) for each in manifests)


def look(
    cron_jobs: Iterable[dict[str, Any]] = (), jobs: Iterable[dict[str, Any]] = (), events: Iterable[dict[str, Any]] = ()
) -> list[Standing | LeftOut]:
    lists = Lists(listed(cron_jobs), listed(jobs), [listed(events)])
    return list(survey(lists, ask()))


def ask() -> Ask:
    def failed(_name: str, error: Exception) -> None:
        raise error

    return Ask(Judge(Snapshot(), NOW), lambda _: "", failed)


def standings(found: Iterable[Standing | LeftOut]) -> dict[str, Standing]:
    return {f"{each.judged.job.namespace}/{each.judged.job.name}": each for each in found if isinstance(each, Standing)}


def test_the_jobs_of_a_cron_job_are_rolled_up_into_it() -> None:
    found = look([nightly("a"), nightly("a", "weekly")], [run("a", "one"), run("a", "two"), once("a")])
    assert {name: each.history.finished for name, each in standings(found).items()} == {
        "a/nightly": 2,
        "a/weekly": 0,
        "a/once": 0,
    }
    assert [each for each in found if isinstance(each, LeftOut)] == [LeftOut("made by a CronJob")] * 2


def test_a_job_of_another_kind_of_cron_job_is_judged_by_itself() -> None:
    job = merge(once("a"), {"metadata": {"ownerReferences": run("a", "one")["metadata"]["ownerReferences"]}})
    job["metadata"]["ownerReferences"][0]["apiVersion"] = "example.org/v1"  # of which nobody else ever tells
    assert [*standings(look([nightly("a")], [job]))] == ["a/once", "a/nightly"]


def test_namespaces_are_in_the_order_of_etcd() -> None:
    ordered = ["a-b", "a", "a0", "b"]  # by a/, a-b/, …: "-" sorts before "/", and "/" before "0"
    found = look(map(nightly, ordered), [run(each, "one") for each in ordered])
    assert [each.history.finished for each in standings(found).values()] == [1] * 4


@pytest.mark.parametrize(("cron_jobs", "jobs"), [*product(permutations("abc"), permutations("abc"))][::5], ids=str)
def test_nothing_is_lost_where_namespaces_come_in_another_order(cron_jobs: list[str], jobs: list[str]) -> None:
    found = look(map(nightly, cron_jobs), [job for each in (*jobs, "a") for job in (once(each), run(each, "one"))])
    assert Counter(type(each) for each in found) == {Standing: 7, LeftOut: 4}


def test_no_more_than_a_namespace_is_read_ahead() -> None:
    read = list[str]()

    def telling(manifests: Iterable[dict[str, Any]]) -> Iterator[Listed]:
        for each in manifests:
            read.append(each["metadata"]["namespace"])
            yield Listed(each, 100)

    lists = Lists(telling(nightly(each) for each in "abc"), telling(run(each, "one") for each in "abc"))
    going = survey(lists, ask())
    next(each for each in going if isinstance(each, Standing))
    assert read == ["a", "a", "b"]  # a CronJob and a Job, and the Job by which the namespace is seen to end


def test_events_tell_of_their_object_and_of_the_cron_job_that_made_it() -> None:
    waiting = {**once("a"), "status": {"startTime": "2026-11-21T11:00:00Z"}}
    made = {**run("a", "one"), "status": {"startTime": "2026-11-21T11:00:00Z"}}
    told = [event("0", "once"), event("a", "once"), event("a", "one"), event("b", "once")]
    found = standings(look([nightly("a"), nightly("a", "other")], [waiting, made], told))
    refused = [name for name, each in found.items() if "refusedByPodSecurity" in {it.kind for it in each.consequences}]
    assert refused == ["a/once", "a/nightly"]


def test_of_many_events_the_latest_are_kept_and_what_tells_nothing_is_not() -> None:
    waiting = {**once("a"), "status": {"startTime": "2026-11-21T11:00:00Z"}}
    many = [event("a", f"other{number}") for number in range(MOST_INVOLVED - 1)]
    said = [event("a", "once", second) for second in range(3 * MOST_EVENTS)]
    told = [event("a", "x", reason="Other"), *many, *said, event("a", "late")]
    (standing,) = standings(look([], [waiting], told)).values()
    (one,) = (each for each in standing.consequences if each.kind == "refusedByPodSecurity")
    assert one.evidence["basis"] == f"refused {MOST_EVENTS} times, last at 2026-11-21T11:00:{3 * MOST_EVENTS - 1}Z"


@pytest.mark.parametrize(("rules", "paste"), [({"ttlAfterFinished": {}}, 0), ({"backoffLimit": {"max": 9}}, 1)])
def test_where_a_policy_has_a_cure_for_a_field_a_consequence_has_none(rules: dict[str, Any], paste: int) -> None:
    judge = Judge(Snapshot([cluster("house", rules)]), NOW)
    found = survey(Lists([], listed([{**once("a"), "status": DONE}])), ask()._replace(judge=judge))
    (standing,) = standings(found).values()
    assert [(each.kind, len(each.paste)) for each in standing.consequences] == [("keptForEver", paste)]


def test_one_that_breaks_us_stops_no_other_and_one_is_spared() -> None:
    broken = list[str]()

    def spare(job: Workload) -> str:
        return {"spared": "not selected", "z": ""}[job.name]

    def failed(name: str, error: Exception) -> None:
        broken.append(f"{name}: {error!r}")

    lists = Lists(listed(nightly("a", name) for name in ("breaks", "spared", "z")), listed([once("a", "breaks")]))
    found = list(survey(lists, Ask(Judge(Snapshot(), NOW), spare, failed)))
    assert broken == ["Job a/breaks: KeyError('breaks')", "CronJob a/breaks: KeyError('breaks')"]
    assert found[0] == LeftOut("not selected")
    assert [*standings(found)] == ["a/z"]


def crash(*_: object) -> Any:
    raise KeyError("x")


def of(app: str, policy: Policy) -> Policy:
    """Let a policy select by the label of an app."""
    return structs.replace(policy, object_selector=LabelSelector(match_labels={"app": app}))


def test_what_is_found_is_counted_and_ranked() -> None:
    deadline = {"activeDeadline": {"maxSeconds": 60, "action": "Warn"}}
    policies = (
        of("fails", cluster("house", {"backoffLimit": {"max": 3}})),
        of("fails", cluster("strict", {"backoffLimit": {"max": 1}, **deadline})),
        of("breaks", made_of(Rule("rules.crashing", "A rule.", RuleParams, crash), name="broken")),
        of("warns", cluster("mild", deadline)),
        of("skips", cluster("p", deadline, exceptions={"maxDays": 90})),
        of("passes", cluster("easy", {"backoffLimit": {"max": 9}})),
    )
    apps = ["fails", "breaks", "warns", "skips", "passes", "none"]
    cron_jobs = [merge(nightly("a", app), {"metadata": {"labels": {"app": app}}}) for app in apps]
    kept = {**once("a"), "status": DONE}
    judge = Judge(Snapshot(policies, [exception(namespace="a")]), NOW)
    tally = Tally(policies)
    found = survey(Lists(listed(cron_jobs), listed([kept])), ask()._replace(judge=judge))
    ranks = [tally.add(each) for each in found if isinstance(each, Standing)]
    assert ranks == [Rank.WARN, Rank.FAIL, Rank.FAIL, Rank.WARN, Rank.SKIP, Rank.PASS, Rank.UNJUDGED]
    assert tally.violations == {
        ("", "house"): {"backoffLimit": 1},
        ("", "strict"): {"backoffLimit": 1, "activeDeadline": 1},
        ("", "broken"): {},
        ("", "mild"): {"activeDeadline": 1},
        ("", "p"): {},
        ("", "easy"): {},
    }
    assert tally.findings == {
        ("backoffLimit", "fail"): 1,
        ("activeDeadline", "warn"): 2,
        ("activeDeadline", "skip"): 1,
        ("crashing", "error"): 1,
    }
    assert (tally.consequences, tally.kept_bytes) == ({"keptForEver": 1}, 100)
    assert tally.ranks == Counter(ranks)
