"""What a threshold is chosen for: a metric to maximise, and a constraint that must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from soroi.base.errors import DeclarationError

Operator = Literal[">=", "<="]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound that a metric must keep, such as ``so.precision >= 0.9``."""

    metric: str
    """Name of the metric."""

    operator: Operator
    """``>=`` or ``<=``."""

    level: float
    """The bound, a share in [0, 1]."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for fingerprints and records."""
        return {"metric": self.metric, "operator": self.operator, "level": self.level}

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.level:g}"

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"'{self}' is a constraint, not a truth value",
            hint="a chained comparison such as 0.2 <= so.precision <= 0.9 is not supported; give one bound",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A figure of a decision at its operating point, by name. Comparing it with a number gives a constraint."""

    name: str
    """``recall``, ``precision``, ``false_positive_rate``, ``alert_rate``, ``accuracy`` or ``f1``."""

    def __ge__(self, level: float) -> Constraint:
        return Constraint(self.name, ">=", _share(self.name, level))

    def __le__(self, level: float) -> Constraint:
        return Constraint(self.name, "<=", _share(self.name, level))


def _share(name: str, level: float) -> float:
    if not 0.0 <= float(level) <= 1.0:
        raise DeclarationError(f"{name} is bounded by {level}, which is not a share", hint="give a number in [0, 1]")
    return float(level)


MAXIMISABLE = ("recall", "precision", "alert_rate", "accuracy", "f1")
"""Names of the metrics that a threshold can make as large as possible."""

CONSTRAINABLE = ("recall", "precision", "false_positive_rate", "alert_rate")
"""Names of the metrics that can be bounded: shares whose binomial tail is exact."""

recall = Metric("recall")
precision = Metric("precision")
false_positive_rate = Metric("false_positive_rate")
alert_rate = Metric("alert_rate")
accuracy = Metric("accuracy")
f1 = Metric("f1")


@dataclass(frozen=True, slots=True)
class Objective:
    """Maximise one metric while a constraint holds with a stated confidence."""

    maximise: Metric
    """What is made as large as possible."""

    subject_to: Constraint | None = None
    """What must hold. ``None``: no constraint."""

    confidence: float = 0.95
    """Probability with which the constraint holds on future rows like the fitting ones."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for fingerprints and records."""
        bound = None if self.subject_to is None else self.subject_to.to_dict()
        return {"maximise": self.maximise.name, "subject_to": bound, "confidence": self.confidence}
