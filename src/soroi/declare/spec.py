"""The options of each kind of node: frozen, comparable, and able to say what of them is behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soroi.base.duration import duration
from soroi.declare.domain import Domain
from soroi.declare.gate import GateSpec
from soroi.declare.objective import Objective


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file, or several by a pattern, whose change means new data (or, for code, another behaviour)."""

    pattern: str
    """Path or glob pattern, relative to the project's folder or absolute."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Options of a source."""

    key: tuple[str, ...]
    """Columns that name a row uniquely."""

    time: str | None = None
    """Column with the time the row is about, in UTC."""

    known_at: str | None = None
    """Column with the time the row became known; ``None``: the same as ``time``."""

    subject: str | None = None
    """Column that names the person a row is about."""

    partition: str | None = None
    """Length of a partition over ``time``: ``1h``, ``1d``, ``1w``, ``1mo``, ``1y``."""

    matures_after: str | None = None
    """How long after ``time`` a row is final."""

    in_step: str | None = None
    """How far apart in data time siblings may rest on this source and still be in step. ``None``: not at all."""

    files: tuple[FileRef, ...] = ()
    """Files whose size and time of change tell, cheaply, whether there is new data."""

    @property
    def moment(self) -> str | None:
        """The column that says when a row was known."""
        return self.known_at or self.time

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return {"key": self.key, "time": self.time, "known_at": self.known_at, "partition": self.partition}

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {"subject": self.subject, "matures_after": self.matures_after, "in_step": self.in_step}


@dataclass(frozen=True, slots=True)
class FeaturesSpec:
    """Options of features."""

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return {}

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {}


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Options of a dataset."""

    join_rate: float | None = None
    """Least share of the first input's rows that the dataset must hold. ``None``: not checked."""

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return {}

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {"join_rate": self.join_rate}


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Train, calibration and test parts by time, oldest first."""

    test: timedelta
    """Length of the last part, on which figures are measured."""

    calibration: timedelta
    """Length of the part before it, on which thresholds are fitted."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "by": "time",
            "test": self.test.total_seconds(),
            "calibration": self.calibration.total_seconds(),
        }


def by_time(*, test: str | timedelta, calibration: str | timedelta | None = None) -> TimeSplit:
    """Split a dataset by time: the last ``test`` for figures, ``calibration`` before it for thresholds.

    Args:
        test: Length of the test part, such as ``"14d"``.
        calibration: Length of the calibration part. Default: as long as the test part.
    """
    length = duration(test)
    return TimeSplit(test=length, calibration=length if calibration is None else duration(calibration))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Options of a model."""

    target: str
    """Column of the dataset that is to be predicted; boolean for a classifier."""

    split: TimeSplit
    """How the dataset is parted."""

    out_of_fold: int = 0
    """In how many blocks of time to refit, so that models on this model train on honest scores. 0: none."""

    seed: int = 0
    """Seed given to ``random`` and NumPy's legacy generator before the function runs."""

    equal_within: float | None = None
    """Largest difference of a score on the canary rows up to which another version counts as equal enough."""

    per: str | None = None
    """Of a family: the column whose value says which part a row belongs to."""

    part: str | None = None
    """Of a family: the part whose rows it learns from; ``None``: all rows."""

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        rows = {"rows": [self.per, self.part]} if self.part is not None else {}
        return {
            "target": self.target,
            "split": self.split.to_dict(),
            "out_of_fold": self.out_of_fold,
            "seed": self.seed,
            **rows,
        }

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {"equal_within": self.equal_within}


@dataclass(frozen=True, slots=True)
class ThresholdSpec:
    """Options of a threshold."""

    objective: Objective
    """What it is chosen for."""

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return self.objective.to_dict()

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {}


@dataclass(frozen=True, slots=True)
class CascadeStep:
    """One step of a cascade: a threshold asked, and when its answer is taken."""

    threshold: str
    """Id of the threshold, as text."""

    error: float | None = None
    """Take the answer only where the share of wrong answers is at most this. ``None``: always take it."""

    confidence: float = 0.95
    """Confidence with which ``error`` holds."""

    per: str | None = None
    """When the threshold is a family: the column of the spine whose value says which part is asked."""

    parent: str | None = None
    """When the threshold is a family: the part asked for rows of a part that has no version."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        family = {"per": self.per, "parent": self.parent} if self.per is not None else {}
        return {"threshold": self.threshold, "error": self.error, "confidence": self.confidence, **family}


Rule = Callable[[Mapping[str, Any]], "bool | None"]


@dataclass(frozen=True, slots=True)
class DecisionSpec:
    """Options of a decision."""

    cascade: tuple[CascadeStep, ...]
    """Steps, fast first."""

    deadline: timedelta
    """Time within which an answer comes."""

    positive: str
    """Action when the score reaches the threshold."""

    negative: str
    """Action when it does not."""

    fail_safe: str
    """Action when nothing else could answer in time."""

    fallbacks: tuple[Rule, ...] = field(default=())
    """Plain rules asked, in order, when the cascade cannot answer."""

    durable: bool = False
    """Whether an answer is on disk before it is given."""

    risk: str | None = None
    """The risk profile whose gates a release must satisfy; ``None``: only those that are asked of every release."""

    judged_by: tuple[GateSpec, ...] = ()
    """Further gates, and those that replace one of the profile. Neither decides an answer: they build nothing."""

    domain: tuple[tuple[str, Domain], ...] = ()
    """What models may be asked about: columns of the spine and their values."""

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return {
            "cascade": [step.to_dict() for step in self.cascade],
            "deadline": self.deadline.total_seconds(),
            "positive": self.positive,
            "negative": self.negative,
            "fail_safe": self.fail_safe,
            "fallbacks": [rule.__name__ for rule in self.fallbacks],
            "durable": self.durable,
            **({"domain": {name: one.to_dict() for name, one in self.domain}} if self.domain else {}),
        }

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {}


Spec = SourceSpec | FeaturesSpec | DatasetSpec | ModelSpec | ThresholdSpec | DecisionSpec
