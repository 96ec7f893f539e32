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

# The same in CEL, of ``name``; ``pieces`` is an amount of it, divided by PIECE.
IS_STANDARD: Final = f"name in [{', '.join(map(quote, STANDARD))}]"
HAS_PAGES: Final = f"name.matches('^{PAGE.pattern}$')"
IS_RESOURCE: Final = (
    f"{IS_STANDARD} || {HAS_PAGES} || name.contains('/') && (name.contains('{NATIVE}')"
    " ? !format.qualifiedName().validate(name).hasValue()"
    f" : !name.startsWith('{QUOTA}') && !format.qualifiedName().validate('{QUOTA}' + name).hasValue())"
)
PIECE: Final = f"({HAS_PAGES} ? quantity(name.substring({len('hugepages-')})).asApproximateFloat() : 1.0)"
IS_WHOLE: Final = f"!({HAS_PAGES} || name.contains('/') && !name.contains('{NATIVE}')) || double(int(pieces)) == pieces"


def is_resource(name: str) -> bool:
    """Whether a container can have limits and requests of this name; of hugepages, as nodes name them."""
    if name in STANDARD or PAGE.fullmatch(name):
        return True
    native = NATIVE in name
    if "/" not in name or (not native and name.startswith(QUOTA)):
        return False
    try:
        check_label(name if native else f"{QUOTA}{name}")
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
