"""Real folders: what is made, kept, renewed and refused, and what a crash leaves behind."""

import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import files
from certs.authority import CertificateError, create_authority, create_serving, describe
from certs.files import Folder, Outcome, Wanted, renew
from tests.certs.handshake import shake_hands

ROOT = Path(files.__file__).parents[1]
AT = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WANTED = Wanted(("webhook.batchwarden.svc", "127.0.0.1"), 90 * DAY, 3650 * DAY)
KEPT = {"ca.key": "kept", "ca.crt": "kept", "tls.key": "kept", "tls.crt": "kept"}
SERVING_RENEWED = KEPT | {"tls.key": "renewed", "tls.crt": "renewed"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    renew(tmp_path / "certs", WANTED, AT)
    return tmp_path / "certs"


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may write anywhere, so root steps down."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    yield
    os.seteuid(user)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def actions(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.action for outcome in outcomes}


def reasons(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.reason for outcome in outcomes}


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_all_is_made_in_a_folder_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a" / "certs"
    outcomes = renew(path, WANTED, AT)

    assert dict.fromkeys(KEPT, "made") == actions(outcomes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert modes(path) == {"ca.key": 0o600, "ca.crt": 0o644, "tls.key": 0o600, "tls.crt": 0o644}


def test_the_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0o777)
    try:
        renew(tmp_path, WANTED, AT)
    finally:
        os.umask(umask)

    assert modes(tmp_path) == {"ca.key": 0o600, "ca.crt": 0o644, "tls.key": 0o600, "tls.crt": 0o644}


def test_what_is_made_serves(tmp_path: Path) -> None:
    renew(tmp_path, WANTED, datetime.now(UTC))

    for host in WANTED.hosts:
        shake_hands(tmp_path, host)


def test_a_second_run_changes_nothing_and_says_so(folder: Path) -> None:
    before = contents(folder)
    outcomes = renew(folder, WANTED, AT + 59 * DAY)

    assert (before, KEPT) == (contents(folder), actions(outcomes))
    assert [None, (), None, WANTED.hosts] == [outcome.description and outcome.description.hosts for outcome in outcomes]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (AT + 59 * DAY, KEPT),
        (AT + 60 * DAY, SERVING_RENEWED),
        (AT + 2433 * DAY, SERVING_RENEWED),
        (AT + 2434 * DAY, SERVING_RENEWED | {"ca.crt": "renewed"}),
        (AT + 4000 * DAY, SERVING_RENEWED | {"ca.crt": "renewed"}),
    ],
)
def test_what_is_renewed_when(folder: Path, at: datetime, expected: dict[str, str]) -> None:
    assert expected == actions(renew(folder, WANTED, at))
    assert actions(renew(folder, WANTED, at)) == KEPT


def test_ten_years_of_weekly_runs(folder: Path) -> None:
    key = (folder / "ca.key").read_bytes()
    for week in range(520):
        at = AT + week * 7 * DAY
        renew(folder, WANTED, at)
        ends = [describe((folder / name).read_bytes()).ends for name in ("ca.crt", "tls.crt")]

        assert min(ends) > at + 22 * DAY
    assert key == (folder / "ca.key").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tls.crt", None, "there was none"),
        ("tls.crt", b"?", "the certificate does not parse as PEM"),
        ("tls.key", None, "there was no tls.key"),
        ("tls.key", b"", "the key does not parse as an unencrypted PEM private key"),
        ("tls.key", create_authority(AT, DAY).key, "it does not belong to its key"),
        (
            "tls.crt",
            create_serving(create_authority(AT, DAY), ["a"], AT, DAY).certificate,
            "it does not belong to",
        ),
    ],
)
def test_a_spoilt_serving_pair_is_made_again(folder: Path, name: str, content: bytes | None, reason: str) -> None:
    authority = {path: path.read_bytes() for path in (folder / "ca.key", folder / "ca.crt")}
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)

    assert reasons(renew(folder, WANTED, AT))["tls.crt"].startswith(reason)
    assert actions(renew(folder, WANTED, AT)) == KEPT
    assert authority == {path: path.read_bytes() for path in authority}


def test_a_host_that_is_asked_for_later_is_named(folder: Path) -> None:
    more = Wanted((*WANTED.hosts, "::1"), 90 * DAY, 3650 * DAY)

    assert reasons(renew(folder, more, AT))["tls.crt"] == "it does not name ::1"
    assert actions(renew(folder, WANTED, AT)) == KEPT


def test_a_ca_key_alone_gets_its_certificate(folder: Path) -> None:
    for name in ("ca.crt", "tls.key", "tls.crt"):
        (folder / name).unlink()

    assert actions(renew(folder, WANTED, AT)) == dict.fromkeys(KEPT, "made") | {"ca.key": "kept"}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ca.key": b"?"}, "the CA's key does not parse as an unencrypted PEM private key"),
        ({"ca.key": b""}, "the CA's key does not parse as an unencrypted PEM private key"),
        ({"ca.key": b"?", "ca.crt": None}, "the CA's key does not parse as an unencrypted PEM private key"),
        ({"ca.crt": b"?"}, "the CA's certificate does not parse as PEM"),
        (
            {"ca.crt": create_authority(AT, DAY).certificate},
            "the CA's certificate does not belong to its key",
        ),
        ({"ca.key": None}, "there is ca.crt, tls.key, tls.crt but no ca.key to sign with"),
        ({"ca.key": None, "ca.crt": None}, "there is tls.key, tls.crt but no ca.key to sign with"),
    ],
)
def test_a_ca_that_cannot_sign_is_left_alone(folder: Path, changed: dict[str, bytes | None], complaint: str) -> None:
    for name, content in changed.items():
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    before = contents(folder)

    with pytest.raises(CertificateError) as refusal:
        renew(folder, WANTED, AT)

    remedy = "put the right ca.key and ca.crt back, or move all files away to start with another CA"
    assert str(refusal.value).startswith(f"{folder}: {complaint}; {remedy}")
    assert before == contents(folder)


def test_a_bad_host_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match='host "a:8443"'):
        renew(tmp_path / "certs", Wanted(("a", "a:8443"), DAY, DAY), AT)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "certs"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(CertificateError, match=r"file.* is not a folder; name a folder"):
        renew(path / below, WANTED, AT)


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "tls.crt").unlink()
    (folder / "tls.crt").mkdir()

    with pytest.raises(CertificateError, match=r"tls\.crt: Is a directory"):
        renew(folder, WANTED, AT)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tls.crt").mkdir()

    with pytest.raises(IsADirectoryError):
        Folder(tmp_path, -1).write("tls.crt", b"")

    assert [path.name for path in tmp_path.iterdir()] == ["tls.crt"]


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_that_may_not_be_written() -> None:
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o500)
        with pytest.raises(CertificateError) as refusal:
            renew(Path(path), WANTED, AT)

    expected = f"{path}/.ca.key.tmp: Permission denied; name a folder that you may read and write"
    assert expected == str(refusal.value)


DYING_RUN = """
import os, sys
from datetime import datetime, timedelta
from pathlib import Path
from certs.files import Wanted, renew

steps = int(sys.argv[3])

def die(event, arguments):
    global steps
    steps -= event in ("os.chmod", "os.rename")
    if not steps:
        os._exit(9)

os.umask(0)
sys.addaudithook(die)
wanted = Wanted(("webhook.batchwarden.svc", "127.0.0.1"), timedelta(days=90), timedelta(days=3650))
renew(Path(sys.argv[1]), wanted, datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("before", "at", "steps"),
    [
        *((None, AT, steps) for steps in range(1, 9)),
        *((AT, AT + 80 * DAY, steps) for steps in range(1, 5)),
        *((AT, AT + 4000 * DAY, steps) for steps in range(1, 7)),
    ],
)
def test_a_run_that_dies_shows_no_key_and_is_healed_by_the_next(
    tmp_path: Path, before: datetime | None, at: datetime, steps: int
) -> None:
    if before:
        renew(tmp_path, WANTED, before)
    key = contents(tmp_path).get("ca.key")
    dying = run(DYING_RUN, tmp_path, at.isoformat(), steps)
    dying.communicate()

    assert dying.returncode == 9
    assert not [name for name, mode in modes(tmp_path).items() if ".key" in name and mode & 0o077]
    renew(tmp_path, WANTED, at)
    assert set(KEPT) == set(contents(tmp_path))
    assert actions(renew(tmp_path, WANTED, at)) == KEPT
    assert key in (None, contents(tmp_path)["ca.key"])


WAITING_RUN = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from certs.files import Wanted, renew

sys.addaudithook(lambda event, _: event == "fcntl.flock" and print("waits", flush=True))
wanted = Wanted(("127.0.0.1",), timedelta(days=90), timedelta(days=3650))
print({outcome.action for outcome in renew(Path(sys.argv[1]), wanted, datetime.fromisoformat(sys.argv[2]))})
"""


def test_two_runs_at_once_take_turns(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    descriptor = os.open(shared, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    second = run(WAITING_RUN, shared, AT.isoformat())
    assert second.stdout
    assert second.stdout.readline() == "waits\n"
    for name, content in contents(folder).items():
        (shared / name).write_bytes(content)
    os.close(descriptor)

    assert second.communicate()[0] == "{'kept'}\n"
