"""Build a model: split by time, fit, keep the file with its canary rows, score what it did not learn from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl

from soroi.base.errors import BuildError, DataError, SoroiError
from soroi.build.builders.context import BuildContext, check_columns
from soroi.declare.edge import Role
from soroi.declare.spec import ModelSpec, TimeSplit
from soroi.evidence import score_figures
from soroi.frames.training import TrainingView, training
from soroi.scoring import (
    Canary,
    SavedModel,
    Scorer,
    choose_scorer,
    input_columns,
    load_model,
    load_scorer,
    make_canary,
    save_model,
)
from soroi.scoring.choosing import OUTPUT
from soroi.store.records import EdgeRecord, VersionRecord


@dataclass(frozen=True)
class Parts:
    """A dataset parted by time."""

    train: pl.DataFrame
    calibration: pl.DataFrame
    test: pl.DataFrame
    starts: dict[str, str]


def build_model(context: BuildContext) -> tuple[dict[str, str], dict[str, Any], list[EdgeRecord]]:
    """Fit a model on the training part of its dataset.

    Returns:
        Outputs, facts and edges (with those to the features it takes).

    Raises:
        BuildError: The function raised, or a part has too few rows or only one class.
        UnsafeArtefactError: What it returned cannot be kept without running a stranger's code.
    """
    spec: ModelSpec = context.node.spec
    (data,) = context.producers(Role.TRAINS_ON)
    rows = _of_part(context, _labelled(context, context.read_table(data), spec.target))
    rows, scored = _with_scores(context, rows, data.facts["key"])
    inputs = [*_feature_inputs(context, data), *scored]
    parts = _split(context, rows, data.facts["time"], spec.split)
    view = TrainingView(tuple(inputs), spec.target)
    saved = _fit(context, parts.train, view)
    judged = pl.concat([parts.calibration, parts.test]).select(inputs)
    columns = input_columns(rows.select(inputs))
    choice = choose_scorer(load_model(saved, what=context.node.label), columns, judged, what=context.node.label)
    scorer = choice.scorer
    files = {f"file:{name}": context.objects.put(content) for name, content in saved.files.items()}
    if choice.data is not None:
        files[OUTPUT] = context.objects.put(choice.data)
    canary = make_canary(scorer, judged)
    keep = [*data.facts["key"], data.facts["time"]]
    tables = {
        name: _score_table(context, scorer, part, inputs, keep)
        for name, part in (("calibration", parts.calibration), ("test", parts.test))
    }
    if spec.out_of_fold:
        tables["out_of_fold"] = _out_of_fold(context, parts.train, view, keep, data.facts["time"])
    outputs = {**files, "canary": context.put_json(canary)}
    outputs |= {f"scores:{name}": root for name, root in tables.items()}
    facts = {
        "format": saved.format,
        "scorer": choice.facts,
        "inputs": msgspec.to_builtins(columns),
        "feature_nodes": {name: node for name, node in data.facts["features"].items() if name in inputs},
        "score_inputs": scored,
        "target": spec.target,
        "parameters": {**context.node.parameters, **context.overrides},
        "parts": {"starts": parts.starts, **_sizes(parts, spec.target)},
        "scores": tables,
        "figures": msgspec.to_builtins(
            score_figures(parts.test[spec.target].to_numpy(), _test_scores(context, tables["test"]))
        ),
    }
    if context.compare is not None:
        facts["compared"] = _compared(context, context.compare, scorer)
    return outputs, facts, [*_edges(context, data, inputs)]


def _of_part(context: BuildContext, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the node's part of its family; all rows when it has none."""
    spec: ModelSpec = context.node.spec
    if spec.per is None or spec.part is None:
        return rows
    check_columns(context, rows, [spec.per], "the column that parts the family, named by per=")
    found = rows.filter(pl.col(spec.per).cast(pl.String) == spec.part)
    if found.height == 0:
        raise DataError(
            f"{context.node.label}: no row of its dataset has {spec.per} = '{spec.part}'",
            hint="take the part out of parts=, or bring its data",
            where=context.node.where,
        )
    return found


def _labelled(context: BuildContext, rows: pl.DataFrame, target: str) -> pl.DataFrame:
    if target not in rows.columns:
        raise DataError(
            f"{context.node.label}: its dataset has no column '{target}'",
            hint=f"the columns are {', '.join(rows.columns)}",
            where=context.node.where,
        )
    if rows.schema[target] != pl.Boolean:
        raise DataError(
            f"{context.node.label}: the target '{target}' is {rows.schema[target]}, not Boolean",
            hint=f"make it one in the dataset, such as pl.col('{target}') > 0",
            where=context.node.where,
        )
    return rows.filter(pl.col(target).is_not_null())


def _feature_inputs(context: BuildContext, data: VersionRecord) -> list[str]:
    """Columns that come from features, of the nodes named by the model, in the order of the dataset."""
    named = {edge.producer for edge in context.node.edges if edge.role is Role.USES_FEATURE}
    origin: Mapping[str, str] = data.facts["features"]
    absent = named - set(origin.values())
    if absent:
        raise DataError(
            f"{context.node.label} takes the features {', '.join(sorted(absent))}, which are not in '{data.node}'",
            hint="add them to the dataset",
            where=context.node.where,
        )
    per = context.node.spec.per  # the same for all rows of a part: nothing to learn from
    found = [c for c, _ in data.facts["columns"] if c in origin and c != per and (not named or origin[c] in named)]
    if not found:
        raise DataError(
            f"{context.node.label}: its dataset '{data.node}' has no feature columns",
            hint="let the dataset take a node declared with @so.features and keep its columns",
            where=context.node.where,
        )
    return found


def _with_scores(context: BuildContext, rows: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Add the score of each model that this one takes: out of fold where that model learned from the row."""
    models = context.producers(Role.SCORES_WITH)
    for model in _upstream_first(models):
        scorer = load_saved(context, model)
        # a model of another project calls the models it scores with by other names than this project
        columns = {column["name"]: column["name"] for column in model.facts["inputs"]}
        columns |= model.facts.get("score_nodes", {})
        absent = [name for name in columns.values() if name not in rows.columns]
        if absent:
            raise DataError(
                f"{context.node.label} takes the score of '{model.node}', whose inputs {', '.join(absent)} "
                "are not in its dataset",
                hint="let the dataset take the same features"
                if not set(absent) & set(model.facts["score_inputs"])
                else f"take the score of {', '.join(absent)} as well, in scores=",
                where=context.node.where,
            )
        taken = rows.select(pl.col(name).alias(column) for column, name in columns.items())
        own = pl.Series(model.node, scorer.score(taken))
        honest = context.read_scores(model, "out_of_fold").select(*key, pl.col("score").alias("_honest"))
        rows = rows.with_columns(own).join(honest, on=key, how="left", maintain_order="left")
        rows = rows.with_columns(pl.coalesce("_honest", model.node).alias(model.node)).drop("_honest")
    return rows, [model.node for model in models]


def _upstream_first(models: Sequence[VersionRecord]) -> list[VersionRecord]:
    """Models before those that take their score."""
    waiting, ordered = list(models), list[VersionRecord]()
    while waiting:
        left = {one.node for one in waiting}
        ready = [one for one in waiting if not left & set(one.facts["score_inputs"])] or waiting
        ordered += ready
        waiting = [one for one in waiting if one not in ready]
    return ordered


def _compared(context: BuildContext, other: VersionRecord, scorer: Scorer) -> dict[str, Any]:
    """The largest difference between the scores of another version on its canary rows and ours on the same rows."""
    what = f"canary rows of {other.id}"
    canary = msgspec.json.decode(context.read_object(other, "canary"), type=Canary)
    try:
        again = scorer.score(canary.frame(what=what))
    except DataError as error:
        return {"version": other.id, "difference": None, "reason": error.message}
    return {"version": other.id, "difference": float(np.abs(again - np.asarray(canary.scores)).max(initial=0.0))}


def load_saved(context: BuildContext, model: VersionRecord) -> Scorer:
    """The scorer behind a model version, its files checked against their digests."""
    return load_scorer(model.facts, model.outputs, lambda name: context.read_object(model, name), what=model.id)


def _split(context: BuildContext, rows: pl.DataFrame, time: str, split: TimeSplit) -> Parts:
    rows = rows.sort(time, *[c for c in rows.columns if c != time][:1])
    end = rows[time].max()
    assert isinstance(end, datetime)
    test, calibration = end - split.test, end - split.test - split.calibration
    at = pl.col(time)
    parts = Parts(
        rows.filter(at <= calibration),
        rows.filter((at > calibration) & (at <= test)),
        rows.filter(at > test),
        {"calibration": calibration.isoformat(), "test": test.isoformat(), "end": end.isoformat()},
    )
    for name in ("train", "calibration", "test"):
        part: pl.DataFrame = getattr(parts, name)
        classes = part[context.node.spec.target].n_unique() if part.height else 0
        if classes < 2:
            raise BuildError(
                f"{context.node.label}: the {name} part has {part.height} rows"
                + (" of a single class" if part.height else ""),
                hint="shorten split=so.by_time(...), or bring more data",
                where=context.node.where,
            )
    return parts


def _fit(context: BuildContext, rows: pl.DataFrame, view: TrainingView) -> SavedModel:
    assert context.node.function is not None
    seed = context.node.spec.seed
    random.seed(seed)
    np.random.seed(seed)  # estimators with random_state=None draw from it
    with training(view):
        fitted = context.call(context.node.function, rows, **context.overrides)
    try:
        return save_model(fitted, where=context.node.where, sample=rows.select(view.inputs).head(256))
    except SoroiError as error:
        error.message = f"{context.node.label}: {error.message}"
        raise


def _score_table(context: BuildContext, scorer: Scorer, part: pl.DataFrame, inputs: list[str], keep: list[str]) -> str:
    target = pl.col(context.node.spec.target).alias("target")
    scored = part.select(*keep, target).with_columns(pl.Series("score", scorer.score(part.select(inputs))))
    return context.tables.write(scored, key=keep[:-1], time=keep[-1]).root


def _out_of_fold(context: BuildContext, train: pl.DataFrame, view: TrainingView, keep: list[str], time: str) -> str:
    """Scores of the training rows by models that did not learn from them: one refit per block of time."""
    folds = context.node.spec.out_of_fold
    block = pl.Series("_block", np.arange(train.height) * folds // train.height)
    tables: list[pl.DataFrame] = []
    for fold in range(folds):
        held = train.filter(block == fold)
        saved = _fit(context, train.filter(block != fold), view)
        scores = load_model(saved, what=context.node.label).score(held.select(view.inputs))
        target = pl.col(context.node.spec.target).alias("target")
        tables.append(held.select(*keep, target).with_columns(pl.Series("score", scores)))
    return context.tables.write(pl.concat(tables), key=keep[:-1], time=time).root


def _test_scores(context: BuildContext, root: str) -> Any:
    return context.tables.read(root)["score"].to_numpy()


def _sizes(parts: Parts, target: str) -> dict[str, dict[str, int]]:
    return {
        name: {"rows": part.height, "positives": int(part[target].sum())}
        for name, part in (("train", parts.train), ("calibration", parts.calibration), ("test", parts.test))
    }


def _edges(context: BuildContext, data: VersionRecord, inputs: list[str]) -> list[EdgeRecord]:
    """Edges to the dataset, to the features whose columns are inputs, and to the models scored with."""
    used = {data.facts["features"][name] for name in inputs if name in data.facts["features"]}
    features = [edge for edge in data.edges if edge.role == Role.USES_FEATURE.value and edge.name in used]
    fixed = [edge for edge in context.edge_records() if edge.role != Role.USES_FEATURE.value]
    return [*fixed, *features]
