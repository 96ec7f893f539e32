"""``batchwarden manifests`` prints what ``kubectl apply -f -`` takes, and gives no secret away."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from certs import authority
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings
from webhook.cli import main

CA = authority.create_authority(datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=9))


def webhooks(folder: Path, *options: str, content: bytes = CA.certificate) -> Result:
    file = folder / "ca.crt"
    file.write_bytes(content)
    return CliRunner().invoke(main, ["manifests", "webhooks", f"--ca-file={file}", *options])


@pytest.mark.parametrize(
    ("options", "registration", "settings"),
    [
        ([], Registration(client_config=ClientConfig(ca=CA.certificate)), Settings()),
        (
            ["--url=https://10.0.0.5:8443/", "--failure-policy=Ignore", "--exempt-namespace=a", "--exempt-namespace=b"],
            Registration(
                client_config=ClientConfig(ca=CA.certificate, url="https://10.0.0.5:8443"),
                validating_failure_policy="Ignore",
            ),
            Settings(exempt_namespaces=("a", "b")),
        ),
        (
            ["--service=guard", "--port=8443", "--own-namespace=guards", "--controller-user=system:o'brien"],
            Registration(client_config=ClientConfig(ca=CA.certificate, service="guard", port=8443)),
            Settings(own_namespace="guards", controller_user="system:o'brien"),
        ),
    ],
    ids=["by its Service", "by a URL", "by another Service"],
)
def test_both_configurations_are_printed_as_documents(
    tmp_path: Path, options: list[str], registration: Registration, settings: Settings
) -> None:
    result = webhooks(tmp_path, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert tuple(yaml.safe_load_all(result.stdout)) == webhook_configurations(registration, settings)


def test_only_the_certificates_of_a_file_are_printed(tmp_path: Path) -> None:
    (mutating, _) = yaml.safe_load_all(webhooks(tmp_path, content=b"# Caf\xc3\xa9\n" + CA.certificate * 2).stdout)
    assert b64decode(mutating["webhooks"][0]["clientConfig"]["caBundle"]) == CA.certificate * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"junk", "holds no PEM certificate; give the CA's, e.g. ca.crt"),
        (b"\xff\x00", "holds no PEM certificate; give the CA's, e.g. ca.crt"),
        (b"", "holds no PEM certificate; give the CA's, e.g. ca.crt"),
        (CA.certificate.replace(b"M", b"A", 3), "holds no PEM certificate; give the CA's, e.g. ca.crt"),
        (CA.certificate + CA.key, "holds a private key, which is nobody's business; give the certificate alone"),
    ],
    ids=range(5),
)
def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    result = webhooks(tmp_path, content=content)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {tmp_path}/ca.crt {said}\n")


@pytest.mark.parametrize("url", ["http://a", "https://", "https://a?b", "https://a#b", "https://u@a", "a:8443"])
def test_an_api_server_calls_by_https_alone(tmp_path: Path, url: str) -> None:
    result = webhooks(tmp_path, f"--url={url}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"'{url}' cannot be used; write https, a host, and no user, '?' or '#'" in " ".join(result.stderr.split())
