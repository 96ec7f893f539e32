"""Ten years of rotation in a world that follows late; whatever happens, clients accept what is served."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.authority import CertificateError, create_authority, create_serving, describe
from certs.rotate import Decision, Pace, rotate
from certs.trust import accepts
from tests.certs.handshake import shake_hands
from tests.certs.world import DAY, HOSTS, MINUTE, NOTHING, PACE, START, KilledError, World, ignore

YEAR = 365 * DAY
CALLS = ("read serving", "read authority", "trusted", "served", "write", "written")
BRISK = Pace(life=90 * DAY, ca_life=180 * DAY, settle=PACE.settle)
STRANGER = create_authority(START, 10 * YEAR)
FOREIGN = create_serving(STRANGER, HOSTS, START, 90 * DAY)


@pytest.fixture
def world() -> World:
    """Return a world in which all was installed and is in force."""
    world = World()
    world.settle(30)
    world.assert_healthy()
    return world


def live(world: World, until: timedelta, step: Callable[[], Decision] | None = None) -> Counter[str]:
    """Pass the time until then, minute by minute where something is due; count what was made."""
    made: Counter[str] = Counter()
    while world.elapsed < until:
        decision = (step or world.step)()
        world.write_bundles()
        world.check()
        made[decision.reason.partition(":")[0]] += decision.place is not None
        world.tick(MINUTE if decision.reason != "all is still good" else 2 * DAY)
        world.check()
    return made


def test_the_first_installation_step_by_step() -> None:
    world = World()
    steps = [world.step() for _ in range(6)]

    assert [(step.place, step.reason) for step in steps] == [
        ("authority", "another CA was made: there was none"),
        ("serving", "the bundle was written: CAs in it 1, added 1, no longer needed 0"),
        ("authority", "the next CA signs from here on: every client trusts it"),
        ("serving", "another serving certificate was made: there was none"),
        (None, "all is still good"),
        (None, "all is still good"),
    ]
    assert "PRIVATE" not in repr(steps)


def test_ten_years(world: World) -> None:
    made = live(world, 10 * YEAR)

    assert made["another CA was made"] == 4  # after two, four, six and eight years
    assert made["another serving certificate was made"] >= 60
    world.settle()
    world.assert_healthy()


def test_a_ca_is_trusted_first_and_outlived_by_its_successor(world: World) -> None:
    (first,) = world.authorities()
    live(world, 2 * YEAR - DAY)
    world.elapsed = 2 * YEAR
    told = world.settle()
    (second,) = world.authorities()

    assert [step.reason.partition(":")[0] for step in told if step.place] == [
        "another CA was made",
        "the bundle was written",
        "the next CA signs from here on",
        "another serving certificate was made",
        "the bundle was written",
    ]
    assert first != second
    world.assert_healthy()


@pytest.mark.parametrize("call", CALLS)
def test_a_controller_that_is_killed_at_every_step(world: World, call: str) -> None:
    """Before each step another controller dies at this call of its own."""

    def die(name: str) -> None:
        if name == call:
            raise KilledError

    def step() -> Decision:
        world.before_call = die
        with suppress(KilledError):
            world.step()
        world.before_call = ignore
        world.check()
        return world.step()

    world.pace = BRISK
    live(world, 250 * DAY, step)
    world.settle()
    world.assert_healthy()


@pytest.mark.parametrize("call", CALLS)
def test_two_controllers_of_which_one_always_comes_between(world: World, call: str) -> None:
    """While one controller stands before this call, the other takes two steps and cares for the bundles."""

    def overtake(name: str) -> None:
        if name == call:
            world.before_call = ignore
            world.step()
            world.write_bundles()
            world.check()
            world.tick()
            world.step()
            world.check()

    def step() -> Decision:
        world.before_call = overtake
        decision = world.step()
        world.before_call = ignore
        return decision

    world.pace = BRISK
    live(world, 250 * DAY, step)
    world.settle()
    world.assert_healthy()


def test_a_write_that_comes_too_late_is_not_made(world: World) -> None:
    world.elapsed += 61 * DAY
    world.before_call = lambda name: world.spoil("serving", note=b"") if name == "write" else None

    assert world.step() == Decision("serving was written by somebody else meanwhile; what is due is looked at again")


SPOILS: dict[str, Callable[[World], None]] = {
    "no Secret is left": World.lose_places,
    "no authority": lambda world: world.put("authority", {}),
    "no serving": lambda world: world.put("serving", {}),
    "no CA key": lambda world: world.spoil("authority", ca_key=None),
    "no CA certificate": lambda world: world.spoil("authority", ca_crt=None),
    "CA key damaged": lambda world: world.spoil("authority", ca_key=b"?"),
    "CA certificate damaged": lambda world: world.spoil("authority", ca_crt=b"?"),
    "CA of a foreign key": lambda world: world.spoil("authority", ca_key=STRANGER.key),
    "a leaf for a CA": lambda world: world.spoil("authority", ca_crt=FOREIGN.certificate, ca_key=FOREIGN.key),
    "another CA": lambda world: world.spoil("authority", ca_crt=STRANGER.certificate, ca_key=STRANGER.key),
    "another next CA": lambda world: world.spoil("authority", next_crt=STRANGER.certificate, next_key=STRANGER.key),
    "next CA damaged": lambda world: world.spoil("authority", ca_key=b"", next_crt=b"?", next_key=STRANGER.key),
    "no bundle": lambda world: world.spoil("serving", ca_crt=None),
    "bundle damaged": lambda world: world.spoil("serving", ca_crt=b"?"),
    "foreign bundle": lambda world: world.spoil("serving", ca_crt=STRANGER.certificate),
    "no certificate": lambda world: world.spoil("serving", tls_crt=None),
    "certificate damaged": lambda world: world.spoil("serving", tls_crt=b"?"),
    "no key": lambda world: world.spoil("serving", tls_key=None),
    "key of the wrong certificate": lambda world: world.spoil("serving", tls_key=FOREIGN.key),
    "a webhook configuration is gone": lambda world: world.configurations["mutating"].set(world.elapsed, None),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_what_is_lost_or_damaged_heals_and_cuts_nobody_off(world: World, spoil: Callable[[World], None]) -> None:
    world.elapsed += 30 * DAY
    spoil(world)
    world.settle()
    world.assert_healthy()


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
@pytest.mark.parametrize("minute", [1, 4, 15])
def test_it_heals_amid_a_change_of_the_ca(world: World, spoil: Callable[[World], None], minute: int) -> None:
    world.elapsed += 30 * DAY
    world.spoil("authority", ca_key=None)
    world.settle(minute)
    spoil(world)
    world.settle()
    world.assert_healthy()


def break_in(world: World) -> None:
    world.spoil("serving", tls_crt=FOREIGN.certificate, tls_key=FOREIGN.key)


def wipe(world: World) -> None:
    world.configurations["mutating"].set(world.elapsed, b"")


def usurp(world: World) -> None:
    world.configurations["mutating"].set(world.elapsed, STRANGER.certificate)


@pytest.mark.parametrize("harm", [break_in, wipe, usurp])
def test_what_others_break_is_put_right_soon(world: World, harm: Callable[[World], None]) -> None:
    """Until then nobody can keep clients and replicas together."""
    world.elapsed += 30 * DAY
    harm(world)
    work(world, 12)
    world.settle()
    world.assert_healthy()


def test_all_restarts_at_once_without_a_secret(world: World) -> None:
    world.lose_places()
    for number in range(len(world.replicas)):
        world.restart(number, NOTHING)
    work(world, 10)

    assert all(replica.loaded for replica in world.replicas), "nobody is served, so there is nothing to wait for"
    world.settle()
    world.assert_healthy()


@pytest.mark.parametrize("jump", [-20 * YEAR, -YEAR, -DAY, -timedelta(hours=1), DAY, YEAR, 4 * YEAR, 20 * YEAR])
@pytest.mark.parametrize("back", [False, True])
def test_a_clock_that_jumps(world: World, jump: timedelta, *, back: bool) -> None:
    world.clock_is_off_by = jump
    work(world, 30)
    if back:
        world.clock_is_off_by = NOTHING
        work(world, 30)
    world.settle()
    world.assert_healthy()


def test_a_small_step_of_the_clock_changes_nothing() -> None:
    world = World()
    world.settle(30)
    world.clock_is_off_by = -31 * MINUTE
    assert world.step().reason == "all is still good"


def test_another_host_makes_another_certificate_and_no_other_ca(world: World) -> None:
    authorities, world.hosts = world.authorities(), (*HOSTS, "batchwarden.example.com")

    assert world.step().reason == "another serving certificate was made: it does not name batchwarden.example.com"
    world.settle()
    world.assert_healthy()
    assert authorities == world.authorities()
    assert {replica.loaded and describe(replica.loaded.certificate).hosts for replica in world.replicas} == {
        world.hosts
    }


def test_a_replica_that_never_follows_keeps_the_old_ca_trusted(world: World) -> None:
    (first,), world.replicas[0].delay = world.authorities(), 10 * DAY
    world.spoil("authority", ca_key=None)
    world.settle(60)
    told = world.step().reason

    assert told == "all is still good"
    assert [first, *world.authorities()] == world.published()
    world.replicas[0].delay = NOTHING
    world.settle(10)
    world.assert_healthy()


def test_replicas_that_start_late_may_see_old_files(world: World) -> None:
    """All serve the other certificate when one starts on a node that lags behind."""
    world.spoil("authority", ca_key=None)
    for _ in range(60):
        world.settle(1)
        world.restart(0, 9 * MINUTE)
        world.check()
        world.restart(0, NOTHING)
    world.settle()
    world.assert_healthy()


def test_what_replicas_will_load_is_trusted_though_none_runs(world: World) -> None:
    world.elapsed += DAY
    world.replicas.clear()
    world.spoil("authority", ca_key=None)
    for _ in range(10):
        world.step()
        assert accepts(world.published(), world.places["serving"].latest["tls.crt"])


def test_where_a_replica_cannot_be_asked_nothing_is_withdrawn(world: World) -> None:
    (first,), world.all_reachable = world.authorities(), False
    world.spoil("authority", ca_key=None)
    world.settle(60)

    assert [first, *world.authorities()] == world.published()
    world.all_reachable = True
    world.settle(10)
    world.assert_healthy()


def test_while_a_client_will_not_follow_the_old_ca_goes_on_signing(world: World) -> None:
    """Somebody puts the first caBundle back each time: certificates are renewed, and the change of the CA waits."""
    (first,), made = world.authorities(), Counter[str]()
    while world.elapsed < 2 * YEAR + 200 * DAY:
        world.configurations["mutating"].set(world.elapsed, first)
        world.check()
        made[world.step().reason.partition(":")[0]] += 1
        world.write_bundles()
        world.tick(DAY)

    assert world.authorities() == (first,)
    assert made["another serving certificate was made"] >= 15
    assert made["another CA was made"] == 1
    world.settle()
    world.assert_healthy()
    assert world.authorities() != (first,)


def test_a_ca_that_has_ended_signs_no_more(world: World) -> None:
    world.elapsed += 4 * YEAR
    told = [world.step().reason.partition(":")[0] for _ in range(4)]

    assert told == ["another CA was made", "the bundle was written", "the next CA waits", "the next CA waits"]
    work(world, 10)
    world.settle()
    world.assert_healthy()


@pytest.mark.parametrize(
    ("hosts", "complaint"), [((), "at least one host"), (("a:8443",), 'host "a:8443" is neither a DNS name')]
)
def test_bad_hosts_are_refused_before_anything_is_made(hosts: tuple[str, ...], complaint: str) -> None:
    world = World()
    with pytest.raises(CertificateError, match=complaint):
        rotate(world, hosts, PACE, START)

    assert world.read("authority") == ({}, "")


def test_real_tls_amid_a_change_of_the_ca(tmp_path: Path) -> None:
    """Both certificates shake hands with a client that trusts the bundle of two CAs of one name."""
    world = World(clock_is_off_by=datetime.now(UTC) - START - 31 * DAY)
    world.settle(30)
    world.elapsed = 30 * DAY
    old = dict(world.places["serving"].latest)
    world.spoil("authority", ca_key=None)
    while world.places["serving"].latest["tls.crt"] == old["tls.crt"]:
        world.step()
        world.write_bundles()
        world.tick(MINUTE / 2)
    bundle = {"ca.crt": world.places["serving"].latest["ca.crt"]}
    for files in (world.places["serving"].latest, old | bundle):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        for host in HOSTS:
            shake_hands(tmp_path, host)


def work(world: World, minutes: int) -> None:
    """Let all work with nothing checked."""
    for _ in range(minutes):
        world.step()
        world.write_bundles()
        world.tick()
