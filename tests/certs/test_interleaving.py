"""Whatever happens in whatever order, and between any two calls of a controller, nobody is cut off."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from certs.rotate import Pace
from tests.certs.world import DAY, HOSTS, MINUTE, KilledError, World, ignore

CALLS = ("read serving", "read authority", "trusted", "served", "write", "written", "write bundle")
PLACES = st.sampled_from(["authority", "serving"])
FILES = st.sampled_from(["ca_crt", "ca_key", "next_crt", "next_key", "tls_crt", "tls_key"])
DELAYS = st.integers(0, 9).map(lambda minutes: minutes * MINUTE)


def pass_time(world: World) -> None:
    world.tick(2 * MINUTE)


def delete(place: str) -> Callable[[World], None]:
    def act(world: World) -> None:
        for name in world.places:
            if name == place:
                world.put(name, {})

    return act


def damage(place: str, file: str, content: bytes | None) -> Callable[[World], None]:
    def act(world: World) -> None:
        for name, timeline in world.places.items():
            if name == place and file.replace("_", ".") in timeline.latest:
                world.spoil(name, **{file: content})

    return act


def remove_configuration(world: World) -> None:
    world.configurations["mutating"].set(world.elapsed, None)


def step(world: World) -> None:
    world.step()


EVENTS = st.one_of(
    st.sampled_from([step, step, World.write_bundles, pass_time, remove_configuration]),
    PLACES.map(delete),
    st.builds(damage, PLACES, FILES, st.sampled_from([b"?", None])),
)


class Cluster(RuleBasedStateMachine):
    """A cluster in which anything may happen, but that two things take longer than all agreed on."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(pace=Pace(90 * DAY, 180 * DAY, 15 * MINUTE))
        self.world.settle(30)

    @rule(event=EVENTS)
    def something_happens(self, event: Callable[[World], None]) -> None:
        event(self.world)

    @rule(minutes=st.integers(1, 15))
    def all_work(self, minutes: int) -> None:
        self.world.settle(minutes)

    @rule(days=st.integers(1, 25))
    def time_passes(self, days: int) -> None:
        self.world.settle(15)
        self.world.tick(days * DAY)

    @rule(
        work=st.sampled_from([step, World.write_bundles]),
        call=st.sampled_from(CALLS),
        events=st.lists(EVENTS, min_size=1, max_size=6),
        dies=st.booleans(),
    )
    def a_controller_is_overtaken(
        self, work: Callable[[World], None], call: str, events: Sequence[Callable[[World], None]], *, dies: bool
    ) -> None:
        """Let events come to pass before a call of a controller that is stalled, and then goes on or dies."""

        def overtake(name: str) -> None:
            if name != call:
                return
            self.world.before_call = ignore
            until = self.world.elapsed + 4 * MINUTE
            for event in events:
                if event is not pass_time or self.world.elapsed < until:
                    event(self.world)
                self.world.check()
            if dies:
                raise KilledError

        self.world.before_call = overtake
        with suppress(KilledError):
            work(self.world)
        self.world.before_call = ignore

    @precondition(lambda self: all(replica.loaded for replica in self.world.replicas))
    @rule(number=st.integers(0, 2), delay=DELAYS)
    def a_replica_starts_again(self, number: int, delay: timedelta) -> None:
        self.world.restart(number, delay)

    @rule()
    def replicas_come_and_go_out_of_reach(self) -> None:
        self.world.all_reachable = not self.world.all_reachable

    @rule(more=st.booleans())
    def hosts_change(self, *, more: bool) -> None:
        self.world.hosts = (*HOSTS, "batchwarden.example.com") if more else HOSTS

    @invariant()
    def nobody_is_cut_off(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.all_reachable = True
        self.world.settle(45)
        self.world.assert_healthy()


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=15, stateful_step_count=25)
