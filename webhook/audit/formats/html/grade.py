"""Pure: a grade whose formula stands beside it: each object has ten points to lose, and the score is what is kept."""

from collections import Counter
from typing import Final, NamedTuple

from msgspec import Struct, field

from webhook.audit.entries import Entry

FULL: Final = 10
COSTS: Final = {"high": 5, "medium": 2, "low": 1}
"""Points that a finding costs, by its severity, whatever is done about it: one alone never takes all."""
SCALE: Final = (("A", 90), ("B", 80), ("C", 70), ("D", 60), ("E", 50), ("F", 0))
MOST_CURES: Final = 5


class Cure(NamedTuple):
    """A rule that would raise the score by so many points of a hundred if nothing broke it."""

    rule: str
    gain: float


class Grade(Struct):
    """What objects keep of their points; ``whole`` of them keep all, ``broke`` keep none."""

    objects: int = 0
    kept: int = 0
    whole: int = 0
    broke: int = 0
    gains: Counter[str] = field(default_factory=Counter)

    def add(self, costs: Counter[str]) -> int:
        """Take an object into account by what each rule costs it, and give what it keeps."""
        lost = costs.total()
        kept = max(FULL - lost, 0)
        self.objects += 1
        self.kept += kept
        self.whole += kept == FULL
        self.broke += kept == 0
        for rule, cost in costs.items():
            self.gains[rule] += max(FULL - lost + cost, 0) - kept
        return kept

    @property
    def score(self) -> int:
        """Give the share of the points that is kept, of a hundred, rounded down; there must be objects."""
        return 100 * self.kept // (FULL * self.objects)

    @property
    def letter(self) -> str:
        """Grade the score."""
        return next(letter for letter, least in SCALE if self.score >= least)

    @property
    def cures(self) -> list[Cure]:
        """Name the rules that would raise the score most, each by itself."""
        best = self.gains.most_common(MOST_CURES)
        return [Cure(rule, 100 * gain / (FULL * self.objects)) for rule, gain in best if gain]


def costs(entry: Entry) -> Counter[str]:
    """Say what each rule costs an object; what an exception lifts costs nothing, and so does what has come of it."""
    found: Counter[str] = Counter()
    for result in entry.results:
        if result.skip is None:
            found[result.rule] += COSTS[result.severity]
    return found
