"""Image references are read as container runtimes read them, and no hostile one is remembered."""

import pytest

from policies import image
from policies.image import parse

HUB = "docker.io"


@pytest.mark.parametrize(
    ("reference", "read"),
    [
        ("busybox", ("busybox", HUB, "docker.io/library/busybox", "latest", "")),
        ("busybox:1.36", ("busybox", HUB, "docker.io/library/busybox", "1.36", "")),
        ("team/app:2", ("team/app", HUB, "docker.io/team/app", "2", "")),
        ("docker.io/busybox", ("docker.io/busybox", HUB, "docker.io/library/busybox", "latest", "")),
        ("index.docker.io/team/app", ("index.docker.io/team/app", HUB, "docker.io/team/app", "latest", "")),
        ("localhost/app", ("localhost/app", "localhost", "localhost/app", "latest", "")),
        ("registry:5000/app", ("registry:5000/app", "registry:5000", "registry:5000/app", "latest", "")),
        ("registry:5000/app:1", ("registry:5000/app", "registry:5000", "registry:5000/app", "1", "")),
        ("quay.io/a/b/c:v1", ("quay.io/a/b/c", "quay.io", "quay.io/a/b/c", "v1", "")),
        ("Upper/app", ("Upper/app", "Upper", "Upper/app", "latest", "")),
        ("app@sha256:ab", ("app", HUB, "docker.io/library/app", "latest", "sha256:ab")),
        ("quay.io/app:1@sha256:ab", ("quay.io/app", "quay.io", "quay.io/app", "1", "sha256:ab")),
    ],
)
def test_a_reference_is_taken_apart(reference: str, read: tuple[str, ...]) -> None:
    parsed = parse(reference)
    assert read == (parsed.name, parsed.registry, parsed.repository, parsed.tag, parsed.digest)


@pytest.mark.parametrize(
    ("reference", "ends"),
    [
        ("busybox", ("busybox", "library/busybox", "docker.io/library/busybox")),
        ("quay.io/a/b/c:v1", ("c", "b/c", "quay.io/a/b/c")),
        ("localhost/app@sha256:ab", ("app", "localhost/app", "localhost/app")),
    ],
)
def test_a_repository_is_known_by_its_end(reference: str, ends: tuple[str, ...]) -> None:
    assert ends == parse(reference).ends


def test_what_is_longer_than_any_reference_is_read_and_not_remembered() -> None:
    remembered = image._remembered.cache_info().currsize  # noqa: SLF001 - the memory is what this is about
    assert parse("a" * 10_000).tag == "latest"
    assert remembered == image._remembered.cache_info().currsize  # noqa: SLF001
