"""Asks again where the API server says that it has no time, after as long as it asks for."""

from collections.abc import Callable
from typing import Final, TypeVar

from webhook.cluster.api import ApiError

BUSY: Final = frozenset({429, 503})  # answers that ask to come back
AWAY: Final = frozenset({0, 429, 503, 504})  # answers, or none, that seldom are about the object
TRIES: Final = 4
LEAST_WAIT: Final = 1.0
MOST_WAIT: Final = 10.0
T = TypeVar("T")


def retry(call: Callable[[], T], wait: Callable[[float], object]) -> T:
    """Give what a call gives, after a few tries at most; ``wait`` waits some seconds. Raises what the call raises."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except ApiError as error:
            if error.status not in BUSY:
                raise
            wait(min(max(error.retry_after, LEAST_WAIT), MOST_WAIT))
    return call()
