"""What bundles hold, and for which certificates they vouch."""

from datetime import UTC, datetime, timedelta

from certs.authority import create_authority, create_serving
from certs.trust import accepts, is_valid, issue_time, read_bundle, vouches

AT, DAY = datetime(2030, 1, 1, tzinfo=UTC), timedelta(days=1)
OLD, NEXT = create_authority(AT, 90 * DAY), create_authority(AT, 90 * DAY)
LEAF, NEXT_LEAF = (create_serving(ca, ["a"], AT, DAY).certificate for ca in (OLD, NEXT))
A, B = OLD.certificate, NEXT.certificate


def test_a_bundle_is_its_cas_each_once_whatever_stands_between() -> None:
    damaged = A.replace(b"MII", b"???")

    assert read_bundle(b"# old\n" + A + damaged + LEAF + b"\r\n" + B.replace(b"\n", b"\r\n") + A) == (A, B)
    assert read_bundle(b"?") == ()


def test_a_ca_vouches_for_what_it_signed() -> None:
    assert [vouches(ca, leaf) for ca in (A, B, b"?") for leaf in (LEAF, b"?")] == [True, *[False] * 5]
    assert [accepts(bundle, LEAF) for bundle in ([B, A], [B], [])] == [True, False, False]


def test_the_life_of_a_certificate() -> None:
    assert [is_valid(LEAF, AT + days * DAY) for days in (-1, 0, 1, 2)] == [False, True, True, False]
    assert not is_valid(b"?", AT)
    assert issue_time(LEAF) == AT
