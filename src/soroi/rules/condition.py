"""Conditions over findings. What was not found does not hold: no verdict is not a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from soroi.base.reason import Reason
from soroi.rules.facts import Known, as_facts


@dataclass(frozen=True, slots=True)
class Holding:
    """Whether a condition holds, and why."""

    holds: bool
    """Whether it holds."""

    reason: Reason
    """Why."""


class Condition(Protocol):
    """Something that holds or not, given facts."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it holds, with the reasons as a tree."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data that says what the condition is: what a gate's digest covers."""
        ...


class Combinable:
    """What conditions have in common: ``&``, ``|`` and ``~``."""

    __slots__ = ()

    def __and__(self, other: Condition) -> All:
        return All((_condition(self), other))

    def __or__(self, other: Condition) -> AnyOf:
        return AnyOf((_condition(self), other))

    def __invert__(self) -> Not:
        return Not(_condition(self))


def _condition(this: Any) -> Condition:
    found: Condition = this
    return found


@dataclass(frozen=True, slots=True)
class Passed(Combinable):
    """Holds when the judgement of that name passed, or found that it does not apply. Missing does not hold."""

    name: str
    """Name of the judgement."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it passed, or does not apply."""
        found = as_facts(known).findings.get(self.name)
        if found is None:
            return Holding(False, Reason("missing", f"'{self.name}' has not been judged", self.name))
        return Holding(not found.blocks, found.reason)

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"passed": self.name}


@dataclass(frozen=True, slots=True)
class All(Combinable):
    """Holds when every one of its conditions holds."""

    parts: tuple[Condition, ...]
    """The conditions."""

    def evaluate(self, known: Known) -> Holding:
        """Whether all hold; the reasons name those that do not, or all when none fails."""
        found = [part.evaluate(known) for part in self.parts]
        failed = tuple(one.reason for one in found if not one.holds)
        text = "not everything that is needed holds" if failed else "everything that is needed holds"
        return Holding(not failed, Reason("all", text, because=failed or tuple(one.reason for one in found)))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"all": [part.to_dict() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class AnyOf(Combinable):
    """Holds when one of its conditions holds."""

    parts: tuple[Condition, ...]
    """The conditions."""

    def evaluate(self, known: Known) -> Holding:
        """Whether one holds."""
        found = [part.evaluate(known) for part in self.parts]
        good = tuple(one.reason for one in found if one.holds)
        text = "one of the alternatives holds" if good else "none of the alternatives holds"
        return Holding(bool(good), Reason("any", text, because=good or tuple(one.reason for one in found)))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"any": [part.to_dict() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not(Combinable):
    """Holds when its condition does not."""

    part: Condition
    """The condition."""

    def evaluate(self, known: Known) -> Holding:
        """Whether the condition does not hold."""
        found = self.part.evaluate(known)
        return Holding(not found.holds, Reason("not", "the opposite is asked for", because=(found.reason,)))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"not": self.part.to_dict()}


def passed(name: str) -> Passed:
    """Holds when the judgement of that name passed.

    Args:
        name: Name of the judgement, such as ``"in step"``.
    """
    return Passed(name)
