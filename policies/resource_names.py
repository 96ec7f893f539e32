"""Pure: the resources that Kubernetes lets a container name, and in which pieces each of them comes.

Sources: ``ValidateContainerResourceName``, ``ValidateResourceQuantityValue`` and ``validateResourceRequirements`` in
kubernetes pkg/apis/core/validation/validation.go, ``IsExtendedResourceName`` in pkg/apis/core/helper/helpers.go.
"""

import re
from typing import Final

from policies.cel import quote
from policies.selector import check_label

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
NAMES: Final = (
    f"{', '.join(STANDARD)}, a size of pages, e.g. hugepages-2Mi, or a domain and a name, e.g. nvidia.com/gpu"
)
PAGE: Final = re.compile("hugepages-([1-9][0-9]{0,3}[KMGT]i)")  # as nodes write the sizes of their pages
NATIVE: Final = "kubernetes.io/"
QUOTA: Final = "requests."  # what a ResourceQuota puts before a name, which must be one with it, too

# The same in CEL, of ``name``.
IS_STANDARD: Final = f"name in [{', '.join(map(quote, STANDARD))}]"
IS_RESOURCE: Final = (
    f"{IS_STANDARD} || name.matches('^{PAGE.pattern}$') || name.contains('/') && !name.startsWith('{QUOTA}')"
    f" && !format.qualifiedName().validate('{QUOTA}' + name).hasValue()"
)


def is_resource(name: str) -> bool:
    """Whether a container can have limits and requests of this name; of hugepages, as nodes name them."""
    if name in STANDARD or PAGE.fullmatch(name):
        return True
    if "/" not in name or name.startswith(QUOTA):
        return False
    try:
        check_label(f"{QUOTA}{name}")
    except ValueError:
        return False
    return True


def piece(name: str) -> str:
    """Give the quantity that each amount of a resource is a multiple of; empty where any amount will do.

    Hugepages come page by page, extended resources, such as ``nvidia.com/gpu``, one by one.
    """
    pages = PAGE.fullmatch(name)
    if pages:
        return pages[1]
    return "1" if "/" in name and NATIVE not in name else ""
