"""Features and scores for the rows of one request, each computed once, only where somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError, SoroiError
from soroi.scoring import conform
from soroi.serve.answer import Outcome
from soroi.serve.rows import Rows, RowSchema
from soroi.serve.runner import Abandoned, Ticket
from soroi.serve.snapshot import FeaturePart, ModelPart
from soroi.serve.tables import SourceView

Places = npt.NDArray[np.intp]
"""Places of rows in the request, rising."""

Failures = dict[int, tuple[Outcome, str]]
"""Why a row has no value, by its place in the request."""

MOST_RETRIES = 200
"""Calls made at most to tell the rows of a request that fail from those that do not."""

_FARTHEST = 2**62
T = TypeVar("T")


@dataclass(frozen=True)
class Computed:
    """What a features function gave."""

    places: Places
    """The rows it gave something for."""

    frame: pl.DataFrame
    """Key and feature columns of these rows, in their order."""

    failures: Failures
    """The rows it gave nothing for, and why."""

    asked: Places
    """All the rows it was asked for."""


@dataclass(frozen=True)
class Scored:
    """What a model gave."""

    values: npt.NDArray[np.float64]
    """A score for every row of the request; NaN where there is none."""

    failures: Failures
    """Why there is none."""

    asked: Places
    """The rows it was asked for."""


@dataclass
class Evaluation:
    """The rows of one request, and what was computed for them so far."""

    schema: RowSchema
    """The columns of the rows."""

    rows: Rows
    """The rows."""

    tables: Mapping[str, SourceView]
    """What features look things up in: one view for the whole request."""

    features: dict[str, Computed] = field(default_factory=dict)
    """What was computed, by features node."""

    scores: dict[str, Scored] = field(default_factory=dict)
    """What was scored, by model."""

    @cached_property
    def _moments(self) -> npt.NDArray[np.int64] | None:
        return self.schema.moments(self.rows.frame)

    def score(self, model: ModelPart, places: Places, ticket: Ticket) -> Scored:
        """The scores of a model for some rows. A row that cannot be scored does not keep the others from it.

        Raises:
            Abandoned: Nobody waits any more.
        """
        known = self.scores.get(model.node)
        if known is not None and np.isin(places, known.asked, assume_unique=True).all():
            return known
        failures: Failures = {}
        found = {part.node: self.compute(part, places, ticket) for part in model.features}
        below = {part.node: self.score(part, places, ticket) for part in model.scores}
        for computed in found.values():
            failures = {**computed.failures, **failures}
        for node, scored in below.items():
            theirs = {place: (why[0], f"'{node}': {why[1]}") for place, why in scored.failures.items()}
            failures = {**theirs, **failures}
        good = _except(places, failures)
        frame = _assemble(model, found, below, good)
        good, frame = _drop_missing(model, frame, good, failures)

        def call(part: pl.DataFrame) -> npt.NDArray[np.float64]:
            return model.scorer.score(conform(part, model.inputs, what=model.version))

        values = np.full(len(self.rows), np.nan)
        for some, scores in _apart(call, frame, good, failures, ticket):
            values[some] = scores
        made = Scored(values, failures, places)
        self.scores[model.node] = made
        return made

    def compute(self, part: FeaturePart, places: Places, ticket: Ticket) -> Computed:
        """The features of some rows.

        Raises:
            Abandoned: Nobody waits any more.
        """
        known = self.features.get(part.node)
        if known is not None and np.isin(places, known.asked, assume_unique=True).all():
            return known
        failures: Failures = {}
        spine = self.rows.frame if len(places) == len(self.rows) else self.rows.frame[places]
        contexts = self._contexts(part, places)

        def call(rows: pl.DataFrame) -> pl.DataFrame:
            return call_features(part, rows, contexts)

        pieces = list(_apart(call, spine, places, failures, ticket))
        if len(pieces) == 1:
            done, frame = pieces[0]
        elif pieces:
            done = np.concatenate([some for some, _ in pieces])
            frame = pl.concat([made for _, made in pieces], how="vertical_relaxed")
        else:
            done, frame = places[:0], pl.DataFrame()
        made = Computed(done, frame, failures, places)
        self.features[part.node] = made
        return made

    def _contexts(self, part: FeaturePart, places: Places) -> list[pl.LazyFrame]:
        found = []
        for context in part.contexts:
            view = self.tables[context.source]
            if context.last is None or self._moments is None:
                found.append(view.whole.lazy())
                continue
            moments = self._moments[places]
            start = max(int(moments.min()) - context.last, -_FARTHEST)
            found.append(view.between(start, int(moments.max())).lazy())
        return found

    def values_of(self, place: int) -> tuple[dict[str, Any], dict[str, float]]:
        """The feature values by column, and the scores by model, that were computed for one row."""
        features: dict[str, Any] = {}
        for one in self.features.copy().values():
            at = int(np.searchsorted(one.places, place))
            if at < len(one.places) and one.places[at] == place:
                features |= zip(one.frame.columns, one.frame.row(at), strict=True)
        for name in self.schema.key:
            features.pop(name, None)
        scores = {node: float(one.values[place]) for node, one in self.scores.copy().items()}
        return features, {node: value for node, value in scores.items() if value == value}


def call_features(part: FeaturePart, spine: pl.DataFrame, contexts: list[pl.LazyFrame]) -> pl.DataFrame:
    """Call a features function on some rows of its spine.

    Returns:
        Key and feature columns, one row per row of the spine, in its order.

    Raises:
        DataError: It did not return exactly one row per row of the spine, with its columns.
        Exception: What the function raised.
    """
    made = part.function(spine.lazy(), *contexts)
    if isinstance(made, pl.LazyFrame):
        made = made.collect()
    if not isinstance(made, pl.DataFrame):
        raise DataError(f"'{part.node}' returned {type(made).__name__}, not rows")
    key = list(part.key)
    absent = [name for name in (*part.key, *part.columns) if name not in made.columns]
    if absent:
        raise DataError(f"'{part.node}' returned no column {', '.join(absent)}")
    made = pl.DataFrame([made.get_column(name) for name in (*part.key, *part.columns)])
    if made.height != spine.height:
        raise DataError(f"'{part.node}' returned {made.height} rows for {spine.height}")
    if all(made.get_column(name).equals(spine.get_column(name)) for name in key):
        return made
    aligned = spine.select(key).join(made.with_columns(__soroi_there=True), on=key, how="left", maintain_order="left")
    if aligned.height != spine.height or aligned["__soroi_there"].null_count():
        raise DataError(f"'{part.node}' returned other keys than it was given")
    return aligned.drop("__soroi_there")


def _apart(
    call: Callable[[pl.DataFrame], T], frame: pl.DataFrame, places: Places, failures: Failures, ticket: Ticket
) -> list[tuple[Places, T]]:
    """Call on all rows; when that raises, on halves, until the rows that raise stand alone.

    Returns:
        What the calls gave, with the places of the rows they were for, in order.
    """
    done: list[tuple[Places, T]] = []
    waiting = [(0, frame.height)] if frame.height else []
    budget = MOST_RETRIES
    while waiting:
        start, end = waiting.pop()
        ticket.check()
        try:
            done.append((places[start:end], call(frame[start:end] if end - start < frame.height else frame)))
            continue
        except Abandoned:
            raise
        except (Exception, pl.exceptions.PanicException) as error:
            budget -= 1
            if end - start > 1 and budget > 0:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
                continue
            reason = describe(error)
        failures.update((int(place), (Outcome.RAISED, reason)) for place in places[start:end])
    return done


def describe(error: BaseException) -> str:
    """What was raised, in one line."""
    if isinstance(error, SoroiError):
        return error.message
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__


def _except(places: Places, failures: Failures) -> Places:
    if not failures:
        return places
    return places[[int(place) not in failures for place in places]]


def _assemble(
    model: ModelPart, found: Mapping[str, Computed], below: Mapping[str, Scored], places: Places
) -> pl.DataFrame:
    """The model's input columns for some rows, all of which have their features and scores."""
    if not places.size:
        return pl.DataFrame()
    frames = {node: _at(one, places) for node, one in found.items()}
    columns = []
    for column in model.inputs:
        origin = model.origins.get(column.name)
        if origin is None:
            scored = below[model.score_nodes.get(column.name, column.name)]
            columns.append(pl.Series(column.name, scored.values[places]))
        else:
            columns.append(frames[origin].get_column(column.name))
    return pl.DataFrame(columns)


def _at(one: Computed, places: Places) -> pl.DataFrame:
    if len(places) == len(one.places):
        return one.frame
    return one.frame[np.searchsorted(one.places, places)]


def _drop_missing(
    model: ModelPart, frame: pl.DataFrame, places: Places, failures: Failures
) -> tuple[Places, pl.DataFrame]:
    """Leave out the rows that lack what was never missing in training."""
    if not places.size:
        return places, frame
    whole = np.ones(len(places), dtype=np.bool_)
    for column in model.inputs:
        if column.nullable:
            continue
        series = frame.get_column(column.name)
        missing = series.is_null() if series.null_count() else None
        if series.dtype.is_float() and series.is_nan().any():
            nan = series.is_nan().fill_null(False)
            missing = nan if missing is None else missing | nan
        if missing is None:
            continue
        reason = f"'{column.name}' is missing, which never happened in training"
        for at in np.flatnonzero(missing.to_numpy() & whole):
            failures[int(places[at])] = (Outcome.MISSING_FEATURE, reason)
            whole[at] = False
    if whole.all():
        return places, frame
    return places[whole], frame.filter(pl.Series(whole))
