"""Conditions about traffic: what the answers that were given say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soroi.base.reason import Reason
from soroi.rules.condition import Combinable, Holding
from soroi.rules.facts import Known, as_facts


@dataclass(frozen=True, slots=True)
class Traffic(Combinable):
    """Holds when a figure of the answers given lies between two bounds."""

    name: str
    """Name of the figure, such as ``answers`` or ``error_share``."""

    least: float | None = None
    """It is at least this; ``None``: no bound."""

    most: float | None = None
    """It is at most this; ``None``: no bound."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it does. A figure that is not known does not hold."""
        value = as_facts(known).traffic.get(self.name)
        if value is None:
            return Holding(False, Reason("missing", f"nothing is known of the traffic's '{self.name}'", self.name))
        low = self.least is None or value >= self.least
        high = self.most is None or value <= self.most
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        bounds += [f"at most {self.most:g}"] if self.most is not None else []
        text = f"the traffic's '{self.name}' is {value:g}, asked for {' and '.join(bounds)}"
        return Holding(low and high, Reason("traffic", text, self.name))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"traffic": self.name, "least": self.least, "most": self.most}


def traffic(name: str, *, least: float | None = None, most: float | None = None) -> Traffic:
    """Holds when a figure of the answers given lies between two bounds.

    Args:
        name: Name of the figure.
        least: It is at least this.
        most: It is at most this.

    Raises:
        ValueError: There is no bound.
    """
    if least is None and most is None:
        raise ValueError(f"'{name}' needs a bound: least= or most=")
    return Traffic(name, least, most)
