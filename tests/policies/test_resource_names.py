"""What containers can have is told apart as Kubernetes does: tests/cluster asks the real API server the same."""

import pytest

from policies.resource_names import is_resource, piece

TAKEN = {
    "cpu": "",
    "memory": "",
    "ephemeral-storage": "",
    "hugepages-2Mi": "2Mi",
    "hugepages-64Ki": "64Ki",
    "nvidia.com/gpu": "1",
    "a/B_c.9": "1",
    f"{'a' * 244}/gpu": "1",
    f"a/{'x' * 63}": "1",
    "requests/gpu": "1",
    "kubernetes.io/batch": "",
    "notkubernetes.io/batch": "",
}
REFUSED = (
    "",
    "memroy",
    "CPU",
    "pods",
    "storage",
    "limits.memory",
    "requests.cpu",
    "requests.hugepages-2Mi",
    "hugepages-",
    "hugepages-0",
    "hugepages-2Mo",
    "hugepages--2Mi",
    "bad res",
    "bad res/gpu",
    "nvidia.com/g pu",
    "nvidia.com/",
    "nvidia.com/gpu/0",
    "/gpu",
    "Nvidia.com/gpu",
    "requests.nvidia.com/gpu",
    "kubernetes.io/",
    f"{'a' * 245}/gpu",
    f"a/{'x' * 64}",
)


@pytest.mark.parametrize("name", TAKEN)
def test_what_a_container_can_have_comes_in_pieces_of_its_own(name: str) -> None:
    assert is_resource(name)
    assert piece(name) == TAKEN[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_container_can_have(name: str) -> None:
    assert not is_resource(name)
