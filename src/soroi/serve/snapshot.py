"""Everything that one manifest needs in order to answer, loaded and proven. Never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from soroi.evidence import CalibrationMap
from soroi.scoring import InputColumn, Scorer
from soroi.serve.rows import RowSchema
from soroi.serve.tables import SourceBase


@dataclass(frozen=True)
class Context:
    """A table that a features function looks things up in."""

    source: str
    """Id of the source."""

    last: int | None
    """How long before a row's moment rows matter, in microseconds; ``None``: all of them."""


@dataclass(frozen=True)
class FeaturePart:
    """One features version, ready to be called."""

    node: str
    """Id of the node."""

    version: str
    """Version id."""

    function: Callable[..., Any]
    """The function, from the code that was captured with the version."""

    spine: str
    """Id of the source whose rows it takes first."""

    contexts: tuple[Context, ...]
    """The tables it takes after that."""

    key: tuple[str, ...]
    """Columns that name a row of the spine, and of what it returns."""

    columns: tuple[str, ...]
    """The feature columns that it returns."""


@dataclass(frozen=True)
class ModelPart:
    """One model version, its file loaded and its canary rows replayed."""

    node: str
    """Id of the node."""

    version: str
    """Version id."""

    scorer: Scorer
    """What scores."""

    inputs: tuple[InputColumn, ...]
    """The columns it takes, in order."""

    origins: Mapping[str, str]
    """Features node that each input column comes from; columns not named are scores of ``scores``."""

    features: tuple[FeaturePart, ...]
    """The features it takes."""

    scores: tuple[ModelPart, ...]
    """The models whose score it takes, each as a column of the model's name."""

    score_nodes: Mapping[str, str] = field(default_factory=dict)
    """Of a model of another project: the model behind each score column, where its name here is another."""

    def versions(self) -> dict[str, str]:
        """The version of every node that takes part in a score, by node."""
        found = {self.node: self.version, **{part.node: part.version for part in self.features}}
        for part in self.scores:
            found |= part.versions()
        return found

    def all_features(self) -> dict[str, FeaturePart]:
        """Every features part that takes part in a score, by node."""
        found = {part.node: part for part in self.features}
        for part in self.scores:
            found |= part.all_features()
        return found


@dataclass(frozen=True)
class StepPart:
    """One step of a cascade."""

    name: str
    """Id of the threshold."""

    model: ModelPart
    """The model it cuts."""

    threshold: float | None
    """Positive at or above this score; ``None``: never, because no value keeps the threshold's constraint."""

    sure: tuple[float, float] | None
    """The answer is taken at or below the first score and at or above the second; ``None``: always."""

    calibration: CalibrationMap
    """From score to probability of a positive."""

    versions: Mapping[str, str]
    """The version of every node that takes part, by node."""


@dataclass(frozen=True)
class FamilyStep:
    """One step of a cascade that asks a family: which sibling, says a column of the row."""

    name: str
    """Name of the family of thresholds."""

    per: str
    """Column of the spine whose value says which part a row belongs to."""

    parts: Mapping[str, StepPart]
    """What is asked for the rows of each part, by part."""

    parent: StepPart | None
    """What is asked for rows of other parts; ``None``: they go on to the next step."""

    versions: Mapping[str, str]
    """The version of the decision, for what no sibling could be asked."""

    @property
    def members(self) -> tuple[StepPart, ...]:
        """Everything that may be asked."""
        return (*self.parts.values(), *([self.parent] if self.parent is not None else []))


def members(step: StepPart | FamilyStep) -> tuple[StepPart, ...]:
    """Everything that a step may ask: itself, or the siblings of a family."""
    return step.members if isinstance(step, FamilyStep) else (step,)


@dataclass(frozen=True)
class RulePart:
    """A fallback rule."""

    name: str
    """Name of the function."""

    function: Callable[[Mapping[str, Any]], Any]
    """Takes a row of the spine; gives true, false, or ``None`` when it cannot say."""


@dataclass(frozen=True)
class DecisionPart:
    """One decision version, compiled into what must be done for a row."""

    node: str
    """Id of the decision."""

    version: str
    """Version id."""

    spine: RowSchema
    """The columns of the rows that are decided on."""

    steps: tuple[StepPart | FamilyStep, ...]
    """The cascade."""

    rules: tuple[RulePart, ...]
    """The fallbacks, in order."""

    deadline: float
    """Time within which an answer comes, in seconds."""

    positive: str
    """Action where the score reaches the threshold."""

    negative: str
    """Action where it does not."""

    fail_safe: str
    """Action when nothing else could answer."""

    durable: bool
    """Whether an answer is on disk before it is given."""

    sample: pl.DataFrame
    """A few rows of the spine, to rehearse with."""

    doc: str = ""
    """Its description."""

    @property
    def asked(self) -> tuple[StepPart, ...]:
        """Everything that its steps may ask, with the siblings of families one by one."""
        return tuple(one for step in self.steps for one in members(step))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One manifest, loaded."""

    manifest: str
    """Id of the manifest."""

    picks: Mapping[str, str]
    """The version of every node in it, by node."""

    decisions: Mapping[str, DecisionPart]
    """What can be asked, by decision."""

    bases: Mapping[str, SourceBase]
    """The sources that it rests on; those that features look things up in with their rows."""

    held: tuple[Any, ...] = field(default=(), repr=False)
    """Loaded parts kept alive, so that the next snapshot can share them."""
