"""The controller's settings: defaults, and what is refused in which words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from certs.authority import create_authority, create_serving, reason_to_renew, reason_to_renew_authority
from webhook.cluster.settings import LEAST_LIFE, Certificates, Reports, ServicePort, SettingsError, read_settings

AT = datetime(2030, 1, 1, tzinfo=UTC)
HEAD = "apiVersion: config.batchwarden.io/v1alpha1\nkind: ControllerSettings\n"
LEAST = f"{HEAD}namespace: batchwarden\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.yaml"
    file.write_text(dedent(text))
    return file


def test_what_is_left_out_has_a_sensible_value(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, LEAST))
    assert settings.host == "batchwarden.batchwarden.svc"
    assert settings.reached_by == ServicePort(name="batchwarden", port=443)
    assert (settings.mutating.failure_policy, settings.validating.failure_policy) == ("Ignore", "Fail")
    assert settings.certificates == Certificates()
    assert settings.owner_cluster_role is None
    assert settings.reports == Reports(api="auto", scan_seconds=600, max_reports=10_000, list_passes=False)


def test_a_url_takes_the_place_of_the_service(tmp_path: Path) -> None:
    assert read_settings(write(tmp_path, f"{LEAST}url: https://[::1]:8443\n")).host == "::1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, ":1:1: namespace is missing; it is required"),
        (f"{LEAST}nmae: x\n", ':4:1: unknown field "nmae" (did you mean name?)'),
        (f"{LEAST}timeoutSeconds: 31\n", ":4:1: timeoutSeconds is 31; allowed: a whole number, 1 to 30"),
        (f"{LEAST}ownerClusterRole: x/y\n", 'ownerClusterRole is "x/y"; allowed: '),
        (f"{LEAST}url: http://x\n", 'url is "http://x"; allowed: https, a host and a port'),
        (f"{LEAST}url: https://x/path\n", 'url is "https://x/path"; allowed'),
        (f"{LEAST}url: https://x:port\n", 'url is "https://x:port"; allowed'),
        (f"{LEAST}url: https://x:0\n", 'url is "https://x:0"; allowed'),
        (f"{LEAST}url: https://x y:1\n", 'url is "https://x y:1"; allowed'),
        (f'{LEAST}url: "https://x\\ny:1"\n', "; allowed: https, a host and a port"),
        (f"{LEAST}url: https://x?\n", 'url is "https://x?"; allowed'),
        (f"{LEAST}url: https://x\nservice: {{}}\n", "there is a service and a url; give one of the two"),
        (f"{LEAST}certificates: {{mode: acme}}\n", 'mode is "acme"; allowed: cert-manager, provided or self-signed'),
        (
            f"{LEAST}certificates: {{lifeSeconds: 1000}}\n",
            "lifeSeconds is 1000; allowed with settleSeconds 600: at least 1355",
        ),
        (f"{LEAST}certificates: {{caLifeSeconds: 2000}}\n", "caLifeSeconds is 2000; allowed: at least lifeSeconds"),
        (f"{LEAST}objectSelector: {{matchLabels: {{a: '-'}}}}\n", '"-" is not a label value'),
        (
            f"{LEAST}reports: {{api: kyverno.io}}\n",
            'api is "kyverno.io"; allowed: auto, none, openreports.io or wgpolicyk8s.io',
        ),
        (f"{LEAST}reports: {{scanSeconds: 0}}\n", "scanSeconds is 0; allowed: a whole number, 1 to 86400"),
        (f"{LEAST}reports: {{maxReports: 1000001}}\n", "maxReports is 1000001; allowed: a whole number, 0 to 1000000"),
        (f"{LEAST}---\n{LEAST}", "there are 2 documents in it; allowed: one ControllerSettings"),
        ("", "there are 0 documents in it"),
        ("kind: 'x", "settings.yaml:1:7: "),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(write(tmp_path, text))
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "settings.yaml"))


@pytest.mark.parametrize(("life", "later", "is_due"), [(LEAST_LIFE, 3, False), (LEAST_LIFE, 4, True), (150, 0, True)])
def test_the_least_life_leaves_a_moment_before_the_next_is_due(life: int, later: int, *, is_due: bool) -> None:
    seconds, at = timedelta(seconds=life), AT + timedelta(seconds=later)
    ca = create_authority(AT, seconds)
    longer = create_authority(AT, 2 * seconds)
    leaf = create_serving(longer, ["a"], AT, seconds)
    assert bool(reason_to_renew(longer.certificate, leaf.certificate, leaf.key, ["a"], at)) is is_due
    assert bool(reason_to_renew_authority(ca, at)) is is_due
