"""What cannot be served is said in a sentence, before anything listens."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from webhook.cli import main

ROOT = Path(__file__).parents[2]
POLICY = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec: {rules: {backoffLimit: {max: 3}}}
"""


def serve(folder: Path, *options: str) -> tuple[int, str]:
    """Return the exit code of ``batchwarden serve`` and what it said."""
    for name in ("tls.crt", "tls.key"):
        (folder / name).touch()
    files = [f"--policies={folder}", f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key"]
    result = CliRunner().invoke(main, ["serve", *files, *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.mark.parametrize("address", ["8443", ":8443", "0.0.0.0:", "0.0.0.0:²", "0.0.0.0:65536", "0.0.0.0:-1", "x:y"])
def test_an_address_names_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    code, said = serve(tmp_path, f"--listen={address}")
    assert code == 2
    assert f"{address} is no address; write HOST:PORT, e.g. 0.0.0.0:8443 or [::]:8443" in said


@pytest.mark.parametrize("option", ["--exempt-namespace", "--own-namespace"])
@pytest.mark.parametrize("name", ["Kube-System", "a_b", "", "a.b", "-a", "a" * 64, "a\n"])
def test_a_namespace_is_a_name_that_kubernetes_takes(tmp_path: Path, option: str, name: str) -> None:
    code, said = serve(tmp_path, f"{option}={name}")
    assert code == 2
    assert f"Invalid value for '{option}': {name!r} is no name that Kubernetes takes here; allowed: at most 63" in said


@pytest.mark.parametrize(
    "url", ["docs", "ftp://a/b", "javascript:alert(1)", "https:///b", "https://a:b", "https://a/b#c", "http://a b"]
)
def test_the_page_that_denials_point_to_is_on_the_web(tmp_path: Path, url: str) -> None:
    code, said = serve(tmp_path, f"--why-url={url}")
    assert code == 2
    assert f"'{url}' cannot be used; write https or http, a host, and no user, '?' or '#': e.g. https://" in said


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    right = ["--exempt-namespace=kube-system", "--exempt-namespace=a", "--why-url=http://[::1]:8000/batch/rules.html"]
    code, said = serve(tmp_path, *right, "--listen=[::1]:0")
    assert code == 1
    assert "\nTLS certificate " in said


def test_a_broken_policy_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("max", "mux"))
    code, said = serve(tmp_path)
    assert code == 1
    assert f"{tmp_path}/policy.yaml:5:" in said
    assert "did you mean max?" in said


def test_a_certificate_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    code, said = serve(tmp_path, "--listen=127.0.0.1:0", "--status-listen=127.0.0.1:0")
    assert code == 1
    assert "tls.crt" in said
    assert "Traceback" not in said


def test_policies_come_from_files_or_from_a_cluster_and_not_from_both(tmp_path: Path) -> None:
    code, said = serve(tmp_path, "--context=x")
    assert code == 2
    assert "--policies is for files, --kubeconfig and --context for a cluster; give one of them" in said


@pytest.mark.parametrize(
    ("kubeconfig", "sentence"),
    [
        ("", "no cluster to talk to: "),
        ("{", "cannot be used: "),
        ("[]", "cannot be used: "),
        ("{contexts: [], current-context: x}", "no cluster to talk to: "),
    ],
)
def test_a_kubeconfig_that_leads_to_no_cluster_is_told(tmp_path: Path, kubeconfig: str, sentence: str) -> None:
    for name, text in {"config": kubeconfig, "tls.crt": "", "tls.key": ""}.items():
        (tmp_path / name).write_text(text)
    files = [f"--kubeconfig={tmp_path}/config", f"--tls-cert={tmp_path}/tls.crt", f"--tls-key={tmp_path}/tls.key"]
    result = CliRunner().invoke(main, ["serve", *files])
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_serving_from_files_loads_no_client_of_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    program = (
        "import sys; from webhook.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'kubernetes', 'urllib3'} & sys.modules.keys())"
    )
    (tmp_path / "tls.crt").touch()
    files = [f"--policies={tmp_path}", f"--tls-cert={tmp_path}/tls.crt", f"--tls-key={tmp_path}/tls.crt"]
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", *files], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout.endswith("}\nset()\n")
    assert "TLS certificate" in done.stderr
