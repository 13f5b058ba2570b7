"""Rows that a decision can be judged on: test rows of its models, and what it would have done with each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from soroi.base.errors import RefusedError
from soroi.declare.edge import Role
from soroi.scoring import Scorer, load_scorer
from soroi.store import Store, VersionRecord

Versions = Mapping[str, VersionRecord]
"""Versions by node."""

_YES = "_yes"
_SURE = "_sure"


@dataclass(frozen=True)
class JudgedRows:
    """Test rows of a decision."""

    frame: pl.DataFrame
    """Key columns, time, ``target`` (what turned out) and ``acted`` (whether the decision would have acted)."""

    key: tuple[str, ...]
    """The key columns."""

    time: str
    """The column with the time."""


@dataclass(frozen=True)
class Compared:
    """Two decisions on the same rows."""

    target: np.ndarray[Any, np.dtype[np.bool_]]
    """What turned out, bool (n,)."""

    acted: np.ndarray[Any, np.dtype[np.bool_]]
    """What the one would have done, bool (n,)."""

    other: np.ndarray[Any, np.dtype[np.bool_]]
    """What the other would have done, bool (n,)."""

    note: str = ""
    """Which rows were left out, and why."""


def judged_rows(store: Store, versions: Versions, decision: str) -> JudgedRows:
    """The test rows that all steps of a decision have scores for, and what it would have done with them.

    Steps that were built on data of different ages may share no test rows. Then the newest of them are taken that none
    of the models learned from, and the older models score them now.

    Args:
        store: The store.
        versions: The versions it rests on, by node.
        decision: Id of the decision.

    Raises:
        RefusedError: Its steps share no test rows.
        CorruptError: A table of scores is missing or damaged.
    """
    steps = versions[decision].facts["steps"]
    tables = [_step_rows(store, versions, step) for step in steps]
    key, time = _columns(tables[0])
    frame = _cascade(tables, key)
    if frame.height == 0:
        frame = _newest_rows(store, versions, decision, tables, key, time)
    if frame.height == 0:
        raise RefusedError(f"the steps of '{decision}' share no test rows", hint="give their models the same test part")
    return JudgedRows(frame.select(*key, time, "target", "acted").sort(time, *key), tuple(key), time)


def _newest_rows(
    store: Store, versions: Versions, decision: str, tables: Sequence[pl.DataFrame], key: list[str], time: str
) -> pl.DataFrame:
    """The newest test rows of any step that no model of the decision learned from, scored by all of them."""
    newest = max((one for one in tables if one.height and time in one.columns), key=lambda one: _last(one, time))
    since = max(_test_start(one) for one in versions.values() if one.kind == "model")
    wanted = newest.filter(pl.col(time) > since).select(*key, time, "target")
    steps = versions[decision].facts["steps"]
    scored = [_scored_step(store, versions, versions, step, wanted.select(*key), key) for step in steps]
    return wanted.join(_cascade(scored, key).select(*key, "acted"), on=key, how="inner", maintain_order="left")


def _last(table: pl.DataFrame, time: str) -> datetime:
    found = table[time].max()
    assert isinstance(found, datetime)
    return found


def against_live(store: Store, mine: Versions, live: Versions, decision: str) -> Compared:
    """A decision and the live one on the same rows, none of which either learned from.

    Rows of which the live models have no stored scores are scored by them now, when they take the same columns; rows
    that are older than the end of the live models' calibration part are left out, because they learned from them.

    Args:
        store: The store.
        mine: The versions of the one, by node.
        live: The versions of the live one, by node.
        decision: Id of the decision.

    Raises:
        RefusedError: There are no rows to compare on.
    """
    rows = judged_rows(store, mine, decision)
    key = list(rows.key)
    since = max((_test_start(one) for one in live.values() if one.kind == "model"), default=None)
    fair = rows.frame if since is None else rows.frame.filter(pl.col(rows.time) > since)
    steps = live[decision].facts["steps"]
    tables = [_scored_step(store, mine, live, step, fair.select(*key), key) for step in steps]
    theirs = _cascade(tables, key).select(*key, other="acted")
    both = fair.join(theirs, on=key, how="inner", maintain_order="left")
    if both.height == 0:
        raise RefusedError(
            f"there are no rows to compare '{decision}' and the live one on",
            hint="its test part must hold rows that are newer than what the live models learned from",
        )
    left = rows.frame.height - both.height
    note = f"{left} of {rows.frame.height} rows were left out: the live models learned from them" if left else ""
    return Compared(both["target"].to_numpy(), both["acted"].to_numpy(), both["other"].to_numpy(), note)


def against_rule(
    store: Store, rows: JudgedRows, spine: VersionRecord, rule: Callable[[Mapping[str, Any]], Any], unsure: bool
) -> Compared:
    """A decision and a plain rule on the same rows of the spine.

    Args:
        store: The store.
        rows: The judged rows of the decision.
        spine: The version of the source that requests bring.
        rule: A row as a mapping in; True, False or None (cannot say) out.
        unsure: Whether the action is taken where the rule cannot say.

    Raises:
        RefusedError: There are no rows to compare on.
    """
    key = list(rows.key)
    table = store.tables.read(spine.outputs["table"])
    asked = rows.frame.join(table, on=key, how="inner", maintain_order="left", suffix="_of_the_spine")
    if asked.height == 0:
        raise RefusedError(f"no test row is in {spine.id}, so the rule cannot be asked")
    said = [rule(one) for one in asked.select(table.columns).iter_rows(named=True)]
    other = np.asarray([unsure if one is None else bool(one) for one in said], dtype=np.bool_)
    return Compared(asked["target"].to_numpy(), asked["acted"].to_numpy(), other)


def spine_of(versions: Versions, sources: Sequence[VersionRecord]) -> VersionRecord:
    """The newest version of the source that a decision's features begin with.

    Args:
        versions: The versions that the decision rests on, by node.
        sources: The versions of sources behind its models.

    Raises:
        RefusedError: Its features begin with none of them.
    """
    begin = {one.edges[0].name for one in versions.values() if one.kind == "features" and one.edges}
    found = [one for one in sources if one.node in begin]
    if not found:
        raise RefusedError("its features begin with no source of this project, so no rule can be asked")
    return max(found, key=lambda one: (one.watermark or one.at, one.at))


def _test_start(model: VersionRecord) -> datetime:
    return datetime.fromisoformat(model.facts["parts"]["starts"]["test"])


def _columns(table: pl.DataFrame) -> tuple[list[str], str]:
    """The key columns and the time column of a table of scores: what stands before the target."""
    names = table.columns[: table.columns.index("target")]
    return names[:-1], names[-1]


def _members(versions: Versions, step: Mapping[str, Any]) -> tuple[list[VersionRecord], list[VersionRecord]]:
    """The thresholds that a step asks: those of parts, and the parent that answers for the rest."""
    name, parent = step["threshold"], step.get("parent")
    if step.get("per") is None:
        return [versions[name]], []
    found = [one for node, one in versions.items() if node.startswith(f"{name}[")]
    last = [one for one in found if one.node == f"{name}[{parent}]"] if parent is not None else []
    return [one for one in found if one not in last], last


def _step_rows(store: Store, versions: Versions, step: Mapping[str, Any]) -> pl.DataFrame:
    """The stored test rows of one step with its answer; of a family, each part's own, then the parent's."""
    own, parent = _members(versions, step)
    tables = [_answered(_stored(store, one), one, _band(step, one)) for one in own]
    frame = pl.concat(tables) if tables else None
    for one in parent:
        rest = _answered(_stored(store, one), one, _band(step, one))
        key, _ = _columns(rest)
        frame = rest if frame is None else pl.concat([frame, rest.join(frame, on=key, how="anti")])
    if frame is None:
        raise RefusedError(f"'{step['threshold']}' has no versions to judge")
    return frame


def _stored(store: Store, threshold: VersionRecord) -> pl.DataFrame:
    return store.tables.read(threshold.facts["scores"]["test"])


def _band(step: Mapping[str, Any], threshold: VersionRecord) -> Mapping[str, Any] | None:
    bands: Mapping[str, Any] = step.get("bands", {})
    return step.get("band") or bands.get(threshold.node)


def _answered(scores: pl.DataFrame, threshold: VersionRecord, band: Mapping[str, Any] | None) -> pl.DataFrame:
    value, score = threshold.facts["value"], pl.col("score")
    yes = score >= value if value is not None else pl.lit(False)
    sure = pl.lit(True) if band is None else (score <= band["low"]) | (score >= band["high"])
    return scores.with_columns(yes.alias(_YES), sure.alias(_SURE)).drop("score")


def _cascade(tables: Sequence[pl.DataFrame], key: list[str]) -> pl.DataFrame:
    """What is done for the rows that every step has: the first sure step answers."""
    named = [
        table.select(*key, *([] if place else [c for c in table.columns if c not in (*key, _YES, _SURE)]),
                     pl.col(_YES).alias(f"{_YES}{place}"), pl.col(_SURE).alias(f"{_SURE}{place}"))
        for place, table in enumerate(tables)
    ]  # fmt: skip
    joined = reduce(lambda one, two: one.join(two, on=key, how="inner", maintain_order="left"), named)
    acted = pl.lit(None, dtype=pl.Boolean)
    for place in reversed(range(len(tables))):
        acted = pl.when(pl.col(f"{_SURE}{place}")).then(pl.col(f"{_YES}{place}")).otherwise(acted)
    return joined.with_columns(acted=acted.fill_null(False))


def _scored_step(
    store: Store, mine: Versions, live: Versions, step: Mapping[str, Any], wanted: pl.DataFrame, key: list[str]
) -> pl.DataFrame:
    """One step of the live decision on the wanted rows: scores as stored, and made now where they were not."""
    have = _step_rows(store, live, step).join(wanted, on=key, how="semi")
    lacking = wanted.join(have, on=key, how="anti")
    if lacking.height == 0 or step.get("per") is not None:
        return have
    threshold = live[step["threshold"]]
    made = _score_now(store, mine, live, threshold, lacking, key)
    if made is None:
        return have
    answered = _answered(made, threshold, _band(step, threshold)).with_columns(target=pl.lit(None, dtype=pl.Boolean))
    return pl.concat([have.select(*key, "target", _YES, _SURE), answered.select(*key, "target", _YES, _SURE)])


def _score_now(
    store: Store, mine: Versions, live: Versions, threshold: VersionRecord, rows: pl.DataFrame, key: list[str]
) -> pl.DataFrame | None:
    """Scores of the live model on rows of the datasets that the new models rest on; ``None``: it takes others."""
    model = next((one for one in live.values() if one.id == threshold.facts["model"]), None)
    if model is None:
        return None
    datasets = {e.producer for one in mine.values() for e in one.edges if e.role == Role.TRAINS_ON.value}
    with store.catalogue.read() as tx:
        records = tx.versions.get_many(datasets)
    best: pl.DataFrame | None = None
    for record in records.values():
        taken = rows.join(store.tables.read(record.outputs["table"]), on=key, how="inner", maintain_order="left")
        scores = _scores(store, live, model, taken) if taken.height > (best.height if best is not None else 0) else None
        if scores is not None:
            best = taken.select(*key).with_columns(pl.Series("score", scores))
    return best


def _scores(store: Store, live: Versions, model: VersionRecord, rows: pl.DataFrame) -> np.ndarray[Any, Any] | None:
    """Scores of a live model, after those of the models whose score it takes; ``None``: columns are missing."""
    if model.facts.get("score_nodes"):
        return None  # a model of another project, which names its inputs otherwise
    for name in model.facts["score_inputs"]:
        if name not in live:
            return None
        below = _scores(store, live, live[name], rows)
        if below is None:
            return None
        rows = rows.with_columns(pl.Series(name, below))
    inputs = [column["name"] for column in model.facts["inputs"]]
    if any(name not in rows.columns for name in inputs):
        return None
    return _scorer(store, model).score(rows.select(inputs))


def _scorer(store: Store, model: VersionRecord) -> Scorer:
    def read(name: str) -> bytes:
        return store.objects.get(model.outputs[name], what=f"{name} of {model.id}")

    return load_scorer(model.facts, model.outputs, read, what=model.id)
