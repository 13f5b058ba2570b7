"""Everything that one manifest needs in order to answer, loaded and proven. Never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from soroi.declare.domain import Domain
from soroi.evidence import CalibrationMap
from soroi.scoring import InputColumn, Scorer
from soroi.serve.rows import RowSchema
from soroi.serve.tables import SourceBase
from soroi.serve.values import shown

if TYPE_CHECKING:
    from soroi.serve.asking import Asker
    from soroi.serve.rowplan import RowPlan


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

    domain: tuple[tuple[str, Domain], ...] = ()
    """What its models may be asked about: columns of the spine and their values."""

    @cached_property
    def _bounds(self) -> tuple[tuple[int, str, Domain], ...]:
        return tuple((self.spine.names.index(name), name, one) for name, one in self.domain)

    def outside(self, values: Sequence[Any]) -> str | None:
        """Why models are not asked about a row, given as values in the order of the columns; ``None``: they are."""
        for place, name, one in self._bounds:
            if not one.holds(values[place]):
                return f"'{name}' is {shown(values[place])}, not {one}"
        return None

    @cached_property
    def plan(self) -> RowPlan:
        """Its first steps, compiled for single rows as far as that is proven; made when it is first asked for."""
        from soroi.serve.planproof import proven_plan

        return proven_plan(self)

    @cached_property
    def asker(self) -> Asker:
        """What asks its plan."""
        from soroi.serve.asking import Asker

        return Asker(self, self.plan)

    @property
    def asked(self) -> tuple[StepPart, ...]:
        """Everything that its steps may ask, with the siblings of families one by one."""
        return tuple(one for step in self.steps for one in members(step))


@dataclass(frozen=True)
class Origin:
    """Where a manifest was loaded from, so that another process can load it too."""

    root: str
    """Folder of the store."""

    project: str
    """Name of the project."""

    catalogue: str | None
    """Address of the catalogue, without its password."""

    objects: str | None
    """Address of the objects, without keys."""

    manifest: str
    """Id of the manifest."""

    module: str
    """Name of the module with the declarations."""

    home: str
    """Folder of the project."""


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

    origin: Origin | None = None
    """Where it was loaded from; ``None``: it was made in memory."""
