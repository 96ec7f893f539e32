"""Pure: which objects have a report of their own, where there are more of them than may have one: the worst first."""

from collections.abc import Mapping

from webhook.audit.tally import Rank


class Quotas:
    """Shares places out by what is expected, and what is left to whoever comes; never more than there are."""

    def __init__(self, places: int, expected: Mapping[Rank, int]) -> None:
        """Keep places for each rank, the worst first, unless there is one for each object that is expected."""
        wanted = {rank: expected.get(rank, 0) for rank in Rank if rank is not Rank.UNJUDGED}
        self._kept = dict.fromkeys(wanted, 0)
        if sum(wanted.values()) > places:
            for rank, count in wanted.items():
                self._kept[rank] = min(places, count)
                places -= self._kept[rank]
        self._free = places
        self.left_out = 0

    def admit(self, rank: Rank) -> bool:
        """Give an object of this rank a place, if there is one for it."""
        if rank is Rank.UNJUDGED:
            return False
        if self._kept[rank]:
            self._kept[rank] -= 1
        elif self._free:
            self._free -= 1
        else:
            self.left_out += 1
            return False
        return True
