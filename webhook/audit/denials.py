"""Pure: what was refused at admission, or let through without being judged, folded together from Events."""

from datetime import datetime
from typing import Literal

from msgspec import Struct


class Denial(Struct, frozen=True, kw_only=True):
    """What one user was refused, for the same reasons, how often; or what was let through without being judged."""

    what: Literal["denied", "break-glass"]
    user: str
    operation: str
    kind: str
    namespace: str
    name: str
    rules: tuple[str, ...]
    policies: tuple[str, ...]
    first: datetime
    last: datetime
    count: int
