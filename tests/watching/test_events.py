"""An Event is named after what it is of, so that nobody writes it twice; the API server takes any such name."""

import re
from datetime import timedelta

import pytest
from msgspec import structs

from policies.exception_status import Reminder
from tests.policies.build import NOW, exception
from webhook.cluster.kinds import Meta
from webhook.cluster.status_writer import reminding_event

META = Meta(name="let-off", namespace="team-a", uid="u1")
SOON = Reminder("ExpiringSoon", "soon", "2026-11-21")


def name(reminder: Reminder = SOON, meta: Meta = META, hours: int = 0, end: str = "2026-12-31T00:00:00Z") -> str:
    made = reminding_event(exception(expiresAt=end), meta, reminder, NOW + timedelta(hours=hours))
    found: str = made["metadata"]["name"]
    return found


def test_one_and_the_same_reminder_has_one_name() -> None:
    assert name() == name(hours=5)
    others = [
        name(SOON._replace(day="2026-11-22")),
        name(SOON._replace(reason="Expired")),
        name(meta=structs.replace(META, uid="u2")),
        name(end="2027-01-31T00:00:00Z"),
    ]
    assert len({name(), *others}) == 5


@pytest.mark.parametrize("given", ["let-off", "a" * 253, f"{'a' * 199}-{'b' * 50}", f"{'a' * 199}.{'b' * 50}"])
def test_its_name_is_a_name(given: str) -> None:
    made = name(meta=structs.replace(META, name=given))
    assert len(made) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", made)
