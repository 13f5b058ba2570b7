"""Gates as they are declared: what a decision must satisfy before it is released, and what an environment asks for.

A gate is pure data: what is judged, what it costs, whether it is mandatory. The room that releases judges it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soroi.base.errors import DeclarationError

OUTCOMES = ("pass", "fail", "inconclusive", "error", "not_applicable")
"""What a judgement may come to."""

RISKS = ("critical", "standard", "availability")
"""The risk profiles."""


class Cost(enum.StrEnum):
    """What judging a gate costs. Cheap gates are judged first; a failure spares the dearer ones."""

    CHEAP = "cheap"
    """Reads the catalogue."""

    MODERATE = "moderate"
    """Reads rows and scores."""

    DEAR = "dear"
    """Starts a process, or runs models."""

    @property
    def order(self) -> int:
        """Place in the order in which gates are judged."""
        return list(Cost).index(self)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate of the project says."""

    outcome: str
    """``pass``, ``fail``, ``inconclusive``, ``error`` or ``not_applicable``."""

    reason: str
    """Why, in a sentence."""

    figures: Sequence[Any] = ()
    """Figures it rests on: :class:`soroi.evidence.Figure`, or mappings with ``name``, ``value``, ``low``, ``high``."""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise DeclarationError(f"'{self.outcome}' is not an outcome", hint="one of " + ", ".join(OUTCOMES))
        if not self.reason.strip():
            raise DeclarationError(f"a judgement gives no reason for '{self.outcome}'", hint="say why, in a sentence")


@dataclass(frozen=True, slots=True)
class GateSpec:
    """One gate as declared."""

    kind: str
    """What is judged: ``latency``, ``beats``, ``bound``, ``data``, ``sign-off``, ``function``…"""

    name: str
    """Its name; a gate of the same name replaces that of the risk profile."""

    cost: Cost
    """What judging it costs."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """What is asked for, as plain data."""

    function: Callable[..., Any] | None = None
    """The function of the project that judges, or the rule to be beaten."""

    mandatory: bool = True
    """Whether it must be satisfied; otherwise it is judged and shown, and stops nothing."""

    lasts: timedelta | None = None
    """How long a verdict holds, since it also rests on something outside the store; ``None``: for ever."""

    why: str = ""
    """Why it asks for what it asks."""

    @property
    def is_judged(self) -> bool:
        """Whether there is a verdict on it; a sign-off is an approval instead."""
        return self.kind not in ("sign-off", "without")

    def to_dict(self) -> dict[str, Any]:
        """Plain data that says what the gate is: what its digest covers, besides the code of its function."""
        return {
            "kind": self.kind,
            "name": self.name,
            "options": dict(self.options),
            "function": self.function.__name__ if self.function is not None else None,
        }

    @property
    def asks(self) -> str:
        """What is asked for, in words."""
        told = [f"{name}={value}" for name, value in self.options.items() if value is not None]
        told += [self.function.__name__] if self.function is not None else []
        return ", ".join(told) or self.name


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment asks for besides the gates of the decisions."""

    name: str
    """Name of the environment."""

    requires: Any = None
    """A condition of :mod:`soroi.rules`; ``None``: nothing more."""

    where: str = ""
    """Place of the declaration."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"environment": self.name, "requires": self.requires.to_dict() if self.requires is not None else None}
