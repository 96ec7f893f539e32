"""Pure: what is asked of parameters that name resources and amounts of them: that a container can have them."""

from collections.abc import Iterator
from fractions import Fraction

from msgspec import Struct

from policies import quantity
from policies.cel import Schema
from policies.demands import Demands, Faults, Term, entries, terms, values
from policies.quantity import Amount
from policies.resource_names import IS_RESOURCE, IS_STANDARD, NAMES, STANDARD, is_resource, piece
from policies.strict import InvalidObjectError, near, shown


class Resources(Struct, frozen=True):
    """Lists of resources, or mappings from them: a container can have each, with ``alone`` by a request alone."""

    names: tuple[str, ...]
    alone: bool = False

    def check(self, params: Struct) -> Faults:
        """Look at each name."""
        for key, value in values(params, self.names):
            for path, (name, *_) in entries(value):
                if not (name in STANDARD if self.alone else is_resource(name)):
                    said = f"{key} names {shown(name)}{near(name, STANDARD)}, which {self._lesson}"
                    yield InvalidObjectError((key, *path), said)

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Look at each name."""
        for term in terms(params, self.names):
            yield {
                "rule": f"{term.absent}{term.value}.all(name, {IS_STANDARD if self.alone else IS_RESOURCE})",
                "message": f"{term.key} names what {self._lesson}",
                "fieldPath": f".{term.key}",
            }

    @property
    def _lesson(self) -> str:
        if self.alone:
            return "no container can request without an equal limit; allowed: cpu, memory or ephemeral-storage"
        return f"no container can have; allowed: {NAMES}"


class Quantities(Struct, frozen=True):
    """Mappings of resources to quantities: each one to be had, none in ``low`` over its like in ``high``."""

    high: str
    low: str | None = None

    def check(self, params: Struct) -> Faults:
        """Read each amount."""
        ceilings = quantity.amounts(getattr(params, self.high))
        for key, amounts in values(params, self._names):
            for resource, amount in (amounts or {}).items():
                try:
                    said = self._misfit(resource, quantity.read(amount), ceilings.get(resource))
                except ValueError as error:
                    said = str(error)
                if said:
                    yield InvalidObjectError((key, resource), f"{key}.{resource} {said}")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Compare those of the same resource; the schema of an amount sees to it that it is one.

        Whether it is whole the API server is not asked: the expression cost it 2 MiB.
        """
        if self.low is None:
            return
        low, high = terms(params, (self.low, self.high))
        yield {
            "rule": f"{low.absent}{high.absent}{low.value}.all(name, !(name in {high.value})"
            f" || {_amount(low)}.compareTo({_amount(high)}) <= 0)",
            "message": f"an amount in {low.key} is over that of the same resource in {high.key}; lower it",
            "fieldPath": f".{low.key}",
        }

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.high,) if self.low is None else (self.high, self.low)

    def _misfit(self, resource: str, amount: Amount, ceiling: Amount | None) -> str:
        least = piece(resource)
        if amount.value < 0:
            return f"{amount} is under 0; raise it"
        if least and Fraction(amount.value) % Fraction(quantity.parse(least)):
            return f"{amount} is not whole: it comes in pieces of {least}; write e.g. {least}"
        if ceiling and amount.value > ceiling.value:
            return f"{amount} is over {self.high}.{resource} {ceiling}; lower it"
        return ""


def resources(*names: str) -> Demands:
    """Demand that containers can have what lists and mappings name."""
    return (Resources(names),)


def quantities(high: str, low: str | None = None, *, alone: bool = False) -> Demands:
    """Demand amounts that containers can have, none in ``low`` over that of the same resource in ``high``.

    With ``alone`` those in ``low`` are for requests that no limit need stand beside.
    """
    named = (Resources((high,)), *((Resources((low,), alone),) if low else ()))
    return (*named, Quantities(high, low))


def _amount(term: Term) -> str:
    at = f"{term.value}[name]"
    return f"(type({at}) == int ? quantity('0').add(int({at})) : quantity({at}))"
