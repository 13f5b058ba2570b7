"""Row plans: the steps of a decision that one row can be asked without a frame and without anybody's code.

A plan is compiled once from a decision part. It holds the first steps of the cascade, as far as each takes columns of
the row (or what :mod:`soroi.serve.expressions` can compute of them) and scores them with a compiled scorer. What a
plan gives is proven equal, to the last bit, to what the general way gives, on rows of the spine; else there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from soroi.base.errors import DataError
from soroi.scoring import dtype_of
from soroi.scoring.rowwise import RowScorer, row_scorer
from soroi.serve.answer import Outcome
from soroi.serve.expressions import RowFeatures, row_features
from soroi.serve.operations import NotPlanned

if TYPE_CHECKING:
    from soroi.serve.rows import RowSchema
    from soroi.serve.snapshot import DecisionPart, FamilyStep, FeaturePart, ModelPart, StepPart

Fall = tuple[Outcome, str | None]
"""What came of a step that did not answer, and why."""


@dataclass(frozen=True, eq=False)
class PlannedFeatures:
    """One features version, planned."""

    node: str
    """Id of the node."""

    row: RowFeatures
    """What gives its columns."""


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """One model version, planned."""

    node: str
    """Id of the node."""

    scorer: RowScorer
    """What scores."""

    take: Callable[[RowState], Sequence[Any]]
    """Its inputs of a row, in order."""

    needed: tuple[tuple[int, str], ...]
    """Inputs that were never missing in training: place among the inputs, and name."""

    handed: frozenset[str] | None
    """Columns of the spine that ``needed`` are, when all inputs are columns handed through; else ``None``."""

    features: tuple[PlannedFeatures, ...]
    """The features that are computed for it."""

    below: tuple[PlannedModel, ...]
    """The models whose score it takes."""


class RowState:
    """What is known of one row while it is asked.

    Args:
        values: The checked row, in the order of the spine's columns.
        whole: Whether every column that a planned model needs is known to be there.
    """

    __slots__ = ("asked", "computed", "failures", "scores", "values", "whole")

    def __init__(self, values: tuple[Any, ...], whole: bool = False) -> None:
        self.values = values
        self.whole = whole
        self.scores: dict[str, float] = {}
        self.failures: dict[str, Fall] = {}
        self.asked: list[PlannedModel] = []
        self.computed: dict[str, tuple[Any, ...]] = {}

    def features_of(self, part: PlannedFeatures) -> tuple[Any, ...]:
        """The features of the row, computed once."""
        found = self.computed.get(part.node)
        if found is None:
            found = self.computed[part.node] = part.row.values(self.values)
        return found

    def score(self, model: PlannedModel) -> float | None:
        """The score of a model, computed once; ``None`` when there is none: :attr:`failures` says why."""
        node = model.node
        known = self.scores.get(node)
        if known is not None or node in self.failures:
            return known
        self.asked.append(model)
        failure: Fall | None = None
        for one in model.below:
            if self.score(one) is None and failure is None:
                outcome, reason = self.failures[one.node]
                failure = (outcome, f"'{one.node}': {reason}")
        if failure is None:
            taken = model.take(self)
            failure = None if self.whole and model.handed is not None else _missing(model, taken)
            if failure is None:
                try:
                    made = self.scores[node] = model.scorer.one(taken)
                    return made
                except DataError as error:
                    failure = (Outcome.RAISED, error.message)
                except Exception as error:  # as any scorer that raises
                    from soroi.serve.evaluation import describe

                    failure = (Outcome.RAISED, describe(error))
        self.failures[node] = failure
        return None


def _missing(model: PlannedModel, taken: Sequence[Any]) -> Fall | None:
    for place, name in model.needed:
        value = taken[place]
        if value is None or (type(value) is float and value != value):
            return Outcome.MISSING_FEATURE, f"'{name}' is missing, which never happened in training"
    return None


@dataclass(frozen=True, eq=False)
class PlannedStep:
    """A step of a cascade, planned."""

    part: StepPart
    """The step."""

    model: PlannedModel
    """Its model."""

    def ask(self, state: RowState) -> tuple[float, bool] | Fall:
        """The score and the side it takes where the answer is taken; else what came of asking."""
        score = state.score(self.model)
        if score is None:
            return state.failures[self.model.node]
        part = self.part
        sure = part.sure
        if sure is not None and not (score <= sure[0] or score >= sure[1]):
            return _UNSURE
        return score, part.threshold is not None and score >= part.threshold


_UNSURE: Fall = (Outcome.UNSURE, None)


@dataclass(frozen=True, eq=False)
class PlannedFamily:
    """A step that asks a family, planned."""

    step: FamilyStep
    """The step."""

    place: int
    """Where the column is among the spine's that says which part a row belongs to."""

    parts: Mapping[str, PlannedStep]
    """What is asked for the rows of each part."""

    parent: PlannedStep | None
    """What is asked for rows of other parts."""

    def of(self, values: Sequence[Any]) -> PlannedStep | None:
        """The sibling that a row asks; ``None``: there is none for it."""
        value = values[self.place]
        return self.parent if value is None else self.parts.get(str(value), self.parent)


@dataclass(frozen=True, eq=False)
class Taking:
    """Which features are recorded for a row."""

    names: tuple[str, ...]
    """Their columns."""

    places: tuple[int, ...] | None
    """Their places in the row, when all are columns handed through."""

    parts: tuple[tuple[PlannedFeatures, int], ...]
    """The features version that each comes from, and its place there."""

    @cached_property
    def packed(self) -> Callable[[RowState], Any]:
        """Gives the recorded features of a row, to be encoded: what :meth:`of` gives, made faster where it can be."""
        if self.places is None or not self.places:
            return self.of
        fields = {f"c{place}": name for place, name in enumerate(self.names)}
        try:
            kind = msgspec.defstruct("Features", list(fields), rename=fields, gc=False)
        except ValueError:  # a name that must be escaped
            return self.of
        take = _handed(self.places)
        return lambda state: kind(*take(state))

    def of(self, state: RowState) -> dict[str, Any]:
        """The recorded features of a row."""
        if self.places is not None:
            values = state.values
            return {name: values[place] for name, place in zip(self.names, self.places, strict=True)}
        return {
            name: state.features_of(part)[place] for name, (part, place) in zip(self.names, self.parts, strict=True)
        }


@dataclass(frozen=True, eq=False)
class RowPlan:
    """The first steps of a decision, compiled."""

    steps: tuple[PlannedStep | PlannedFamily, ...]
    """Those that are planned."""

    whole: bool
    """Whether the plan answers every row: all steps are planned, and no rule stands behind them."""

    left: str | None
    """Why the step behind the last one is not planned; ``None``: all are."""

    needed: frozenset[str]
    """Columns of the spine without which a planned model cannot score."""

    _takings: dict[tuple[str, ...], Taking] = field(default_factory=dict, repr=False)

    def recorded(self, state: RowState) -> Taking:
        """Which features are recorded for a row, after what it was asked."""
        asked = tuple([model.node for model in state.asked])
        found = self._takings.get(asked)
        if found is None:
            found = self._takings[asked] = taking_of(state.asked)
        return found


def taking_of(asked: Iterable[PlannedModel]) -> Taking:
    """Which features are recorded for a row that some models were asked about, in their order."""
    sources: dict[str, tuple[PlannedFeatures, int]] = {}
    seen: set[str] = set()
    for model in asked:
        for part in model.features:
            if part.node not in seen:
                seen.add(part.node)
                sources |= {name: (part, place) for place, name in enumerate(part.row.names)}
    handed = [part.row.places[place] for part, place in sources.values()]
    places = tuple(one for one in handed if one is not None)
    return Taking(tuple(sources), places if len(places) == len(handed) else None, tuple(sources.values()))


def compile_plan(decision: DecisionPart) -> RowPlan:
    """Compile the plan of a decision. Does not prove it; see :mod:`soroi.serve.planproof`.

    Args:
        decision: What is asked.
    """
    compiling = _Compiling(decision.spine)
    steps: list[PlannedStep | PlannedFamily] = []
    left: str | None = None
    for step in decision.steps:
        try:
            steps.append(compiling.step(step))
        except NotPlanned as why:
            left = f"'{step.name}': {why}"
            break
    needed = frozenset(name for one in steps for name in _needed(one))
    return RowPlan(tuple(steps), left is None and not decision.rules, left, needed)


def _needed(step: PlannedStep | PlannedFamily) -> frozenset[str]:
    if isinstance(step, PlannedFamily):
        return frozenset()  # another sibling may do without
    return step.model.handed or frozenset()


class _Compiling:
    """Plans over one spine, each part made once."""

    def __init__(self, spine: RowSchema) -> None:
        self._spine = spine
        self._models: dict[str, PlannedModel] = {}
        self._features: dict[str, PlannedFeatures] = {}

    def step(self, step: StepPart | FamilyStep) -> PlannedStep | PlannedFamily:
        from soroi.serve.snapshot import FamilyStep

        if not isinstance(step, FamilyStep):
            return PlannedStep(step, self.model(step.model))
        parts = {name: PlannedStep(part, self.model(part.model)) for name, part in step.parts.items()}
        parent = None if step.parent is None else PlannedStep(step.parent, self.model(step.parent.model))
        return PlannedFamily(step, self._spine.names.index(step.per), parts, parent)

    def model(self, model: ModelPart) -> PlannedModel:
        if model.node not in self._models:
            self._models[model.node] = self._model(model)
        return self._models[model.node]

    def _model(self, model: ModelPart) -> PlannedModel:
        scorer = row_scorer(model.scorer)
        names = tuple(column.name for column in model.inputs)
        if scorer is None or tuple(scorer.columns) != names:
            raise NotPlanned(f"'{model.node}' has no compiled scorer")
        features = {part.node: self._planned(part) for part in model.features}
        below = {part.node: self.model(part) for part in model.scores}
        takes: list[Callable[[RowState], Any]] = []
        places: list[int | None] = []
        for column in model.inputs:
            origin = model.origins.get(column.name)
            if origin is None:
                takes.append(_score_of(below[model.score_nodes.get(column.name, column.name)].node))
                places.append(None)
                continue
            row = features[origin].row
            at = row.names.index(column.name)
            have, wanted = row.dtypes[at], dtype_of(column.dtype)
            if have != wanted and not (have.is_integer() and wanted.is_float()):
                raise NotPlanned(f"'{model.node}' takes '{column.name}' as {wanted}, not {have}")
            places.append(row.places[at])
            takes.append(_feature_of(features[origin], at))
        needed = tuple((at, one.name) for at, one in enumerate(model.inputs) if not one.nullable)
        known = [one for one in places if one is not None]
        handed = None
        take: Callable[[RowState], Sequence[Any]] = _all_of(takes)
        if len(known) == len(places) and known:
            take = _handed(known)
            handed = frozenset(self._spine.names[known[at]] for at, _ in needed)
        return PlannedModel(model.node, scorer, take, needed, handed, tuple(features.values()), tuple(below.values()))

    def _planned(self, part: FeaturePart) -> PlannedFeatures:
        if part.node not in self._features:
            if part.contexts:
                raise NotPlanned(f"'{part.node}' looks things up in other tables")
            try:
                row = row_features(part.function, self._spine.schema, part.key, part.columns)
            except NotPlanned as why:
                raise NotPlanned(f"'{part.node}' is called as it stands: {why}") from None
            self._features[part.node] = PlannedFeatures(part.node, row)
        return self._features[part.node]


def _handed(places: Sequence[int]) -> Callable[[RowState], Sequence[Any]]:
    if len(places) == 1:
        only = places[0]
        return lambda state: (state.values[only],)
    pick = itemgetter(*places)
    return lambda state: pick(state.values)


def _all_of(takes: Sequence[Callable[[RowState], Any]]) -> Callable[[RowState], Sequence[Any]]:
    return lambda state: tuple([take(state) for take in takes])


def _score_of(node: str) -> Callable[[RowState], Any]:
    return lambda state: state.scores[node]


def _feature_of(part: PlannedFeatures, place: int) -> Callable[[RowState], Any]:
    return lambda state: state.features_of(part)[place]
