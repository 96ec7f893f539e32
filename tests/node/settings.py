"""Pure but for the files it is told to write: how the programs of a node are called.

https://kubernetes.io/docs/reference/command-line-tools-reference/ and containerd's docs/cri/config.md explain them.
"""

import json
from pathlib import Path

from tests.cluster.settings import CONTROLLERS

NAME = "node-1"
ADDRESS = "10.99.0.1"
PODS = "10.244.0.0/24"
PAUSE = "localhost/busybox:1"
SOCKET = "/run/containerd/containerd.sock"
CNI_PLUGINS = "/usr/lib/cni"  # where Debian's containernetworking-plugins has them

# Beside those of the control plane without a node: what makes Pods run, what counts them, and what takes them off.
NODE_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "taint-eviction-controller",
)

# In the place of those that keep the API server on loopback: Pods reach it by the address of the node.
API_FLAGS = (
    "--bind-address=0.0.0.0",
    f"--advertise-address={ADDRESS}",
    "--endpoint-reconciler-type=lease",
    "--allow-privileged",
    "--kubelet-preferred-address-types=InternalIP",  # no name server knows the node's name
)


def network() -> list[list[str]]:
    """Return the commands that make the node's network out of an empty namespace."""
    return [
        command.split()
        for command in (
            "ip link set lo up",
            "ip link add node0 type bridge",
            f"ip address add {ADDRESS}/24 dev node0",
            "ip link set node0 up",
            "ip route add default dev node0",  # the API server looks for an address by it
            "sysctl -qw net.ipv4.ip_forward=1",
        )
    ]


def controller_manager(command: list[str]) -> list[str]:
    """Return the command of a kube-controller-manager with the controllers of Pods as well."""
    return [*command, f"--controllers={','.join(CONTROLLERS + NODE_CONTROLLERS)}"]


def scheduler(programs: Path) -> list[str]:
    """Return the command of kube-scheduler."""
    return [str(programs / "kube-scheduler"), "--kubeconfig=kubeconfig", "--leader-elect=false", "--secure-port=0"]


def containerd(programs: Path) -> list[str]:
    """Return the command of containerd."""
    return [str(programs / "containerd"), "--config=containerd.toml"]


def ctr(programs: Path) -> list[str]:
    """Return the start of every command of containerd's client, in the namespace of the kubelet."""
    return [str(programs / "ctr"), f"--address={SOCKET}", "--namespace=k8s.io"]


def kubelet(programs: Path) -> list[str]:
    """Return the command of the kubelet."""
    return [
        str(programs / "kubelet"),
        "--kubeconfig=kubeconfig",
        "--config=kubelet.json",
        f"--hostname-override={NAME}",
        f"--node-ip={ADDRESS}",
    ]


def proxy(programs: Path) -> list[str]:
    """Return the command of kube-proxy."""
    return [
        str(programs / "kube-proxy"),
        "--kubeconfig=kubeconfig",
        f"--hostname-override={NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",  # the limit is the whole machine's
    ]


def write_files(folder: Path, cgroup: str) -> None:
    """Write what the programs of the node read; the cgroup is the one under which Pods have theirs."""
    (folder / "containerd.toml").write_text(CONTAINERD.format(socket=SOCKET, cni=folder / "cni"))
    (folder / "cni").mkdir()
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(POD_NETWORK))
    (folder / "kubelet.json").write_text(json.dumps({**KUBELET, "cgroupRoot": f"/{cgroup}"}))


CONTAINERD = f"""\
version = 3
[grpc]
  address = "{{socket}}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # where there is no CAP_SYS_RESOURCE
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false  # where there is no systemd
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{CNI_PLUGINS}"]
    conf_dir = "{{cni}}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE}"
"""

POD_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": True,
            "ipMasq": False,
            "hairpinMode": True,  # a Pod may reach itself through its Service
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/addresses",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
    ],
}

KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": ADDRESS,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "failCgroupV1": False,
    "failSwapOn": False,
    "enforceNodeAllocatable": [],
    "containerRuntimeEndpoint": f"unix://{SOCKET}",
    "resolvConf": "",  # there is no DNS
    # Under nodefs.available Pods are evicted: a test fills the file system, and frees it again.
    "evictionHard": {"memory.available": "1Mi", "nodefs.available": "10%", "imagefs.available": "1%"},
    "evictionPressureTransitionPeriod": "5s",
}
