"""Pure but for the files it is told to write: how the programs of the control plane are called.

https://kubernetes.io/docs/reference/command-line-tools-reference/ explains the flags.
"""

import datetime as dt
import ipaddress
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Who there is, and in which group. The name is the token too: it is good on loopback, for one run.
USERS = {"admin": "system:masters", "tenant": "tenants"}

# Those that act on Jobs and namespaces: the others make the start longer, and one writes outside the folder.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
)

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "resources": [{"group": "batch"}]}, {"level": "None"}],
}


def etcd(programs: Path, port: int, peer_port: int) -> list[str]:
    """Return the command of an etcd that does not wait for the disk."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(programs / "etcd"),
        "--unsafe-no-fsync",
        "--data-dir=etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver(programs: Path, etcd_port: int, port: int) -> list[str]:
    """Return the command of a kube-apiserver with RBAC and an audit log."""
    return [
        str(programs / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",  # an endpoint may not be a loopback address
        "--tls-cert-file=server.crt",
        "--tls-private-key-file=server.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=accounts.key",
        "--service-account-signing-key-file=accounts.key",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--audit-policy-file=audit-policy.json",
        "--audit-log-path=audit.log",
    ]


def controller_manager(programs: Path) -> list[str]:
    """Return the command of a kube-controller-manager where each controller is a user of its own."""
    return [
        str(programs / "kube-controller-manager"),
        "--kubeconfig=kubeconfig",
        f"--controllers={','.join(CONTROLLERS)}",
        "--use-service-account-credentials",
        "--service-account-private-key-file=accounts.key",
        "--root-ca-file=server.crt",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=1000",  # at the usual 20 a second the controllers wait for their own client
        "--kube-api-burst=1000",
    ]


def write_files(folder: Path, port: int) -> None:
    """Write what the programs and kubectl read: keys, users, the audit policy, the kubeconfig."""
    write_keys(folder)
    tokens = "".join(f"{user},{user},{user},{group}\n" for user, group in USERS.items())
    (folder / "tokens.csv").write_text(tokens)
    (folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": "server.crt"}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": user}} for user in USERS],
        "contexts": [{"name": user, "context": {"cluster": "tests", "user": user}} for user in USERS],
        "current-context": "admin",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))


def write_keys(folder: Path) -> None:
    """Write the key that signs service account tokens, and a serving certificate that vouches for itself."""
    accounts, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    for name, key in {"accounts.key": accounts, "server.key": server}.items():
        # The form that kube-apiserver reads: k8s.io/client-go/util/keyutil, ParsePublicKeysPEM.
        form = serialization.PrivateFormat.TraditionalOpenSSL
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (folder / name).write_bytes(pem)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")])
    # Loopback, and the Service by which programs in Pods call: the first address of --service-cluster-ip-range.
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "10.96.0.1")]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, server.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(server, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
