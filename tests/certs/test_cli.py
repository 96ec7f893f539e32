"""``batchwarden certs`` as people run it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.certs.handshake import shake_hands
from webhook.cli import certs as cli

DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.command, [str(argument) for argument in arguments])


def test_one_line_a_file_says_what_was_done_and_why(tmp_path: Path) -> None:
    path = tmp_path / "certs"
    made, kept = run(path), run(path)
    renewed = run(path, "--host", "w.example", "--host", "10.0.0.1")

    assert [made.exit_code, kept.exit_code, renewed.exit_code] == [0, 0, 0]
    assert DATE.sub("DATE", made.output).splitlines() == [
        f"{path}/ca.key: made, there was none",
        f"{path}/ca.crt: made, there was none; until DATE",
        f"{path}/tls.key: made, there was none",
        f"{path}/tls.crt: made, there was none; for localhost, 127.0.0.1, ::1 until DATE",
    ]
    assert DATE.sub("DATE", kept.output).splitlines() == [
        f"{path}/ca.key: kept, still good",
        f"{path}/ca.crt: kept, still good; until DATE",
        f"{path}/tls.key: kept, still good",
        f"{path}/tls.crt: kept, still good; for localhost, 127.0.0.1, ::1 until DATE",
    ]
    assert DATE.sub("DATE", renewed.output).splitlines()[2:] == [
        f"{path}/tls.key: renewed, to go with tls.crt",
        f"{path}/tls.crt: renewed, it does not name w.example, 10.0.0.1; for w.example, 10.0.0.1 until DATE",
    ]


def test_what_is_made_serves(tmp_path: Path) -> None:
    run(tmp_path, "--days", 1, "--ca-days", 2)

    for host in ("localhost", "127.0.0.1", "::1"):
        shake_hands(tmp_path, host)


def test_the_lives_are_those_asked_for(tmp_path: Path) -> None:
    output = run(tmp_path, "--days", 36500, "--ca-days", 36500).output

    assert all(int(date[:4]) > 2100 for date in DATE.findall(output))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host", "a:8443"], 'Error: host "a:8443" is neither a DNS name'),
        (["--host", ""], 'Error: host "" is neither a DNS name'),
        (["--days", "0"], "Invalid value for '--days': 0 is not in the range 1<=x<=36500"),
    ],
)
def test_a_wrong_option_is_one_sentence(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    result = run(tmp_path / "certs", *arguments)

    assert result.exit_code != 0
    assert complaint in result.output.splitlines()[-1]
    assert not (tmp_path / "certs").exists()


def test_a_ca_that_cannot_sign_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("?")
    result = run(tmp_path)

    assert result.exit_code == 1
    assert result.output == (
        f"Error: {tmp_path}: the CA's key does not parse as an unencrypted PEM private key; put the right "
        "ca.key and ca.crt back, or move all files away to start with another CA, which clients must then be "
        "given\n"
    )


def test_other_commands_do_not_load_cryptography() -> None:
    code = "import sys, webhook.cli.certs; print('cryptography' in sys.modules)"
    root = Path(cli.__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"
