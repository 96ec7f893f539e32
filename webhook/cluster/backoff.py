"""Pure: after how many seconds to try again what failed."""

from typing import Final

from webhook.cluster.api import ApiError

LEAST_WAIT: Final = 0.2
MOST_DOUBLED: Final = 10
MOST_ASKED: Final = 60.0  # seconds that an API server may ask us to wait


def wait_after(error: Exception, failures: int, most: float, chance: float) -> float:
    """Wait twice as long each time, up to half of it by chance, and as long as the API server asks for beside.

    ``failures`` are those in a row before this one; ``most`` are seconds; ``chance`` is at least 0 and below 1.
    """
    wait = min(most, LEAST_WAIT * 2.0 ** min(failures, MOST_DOUBLED)) * (1 + chance) / 2
    return wait + (min(error.retry_after, MOST_ASKED) if isinstance(error, ApiError) else 0)
