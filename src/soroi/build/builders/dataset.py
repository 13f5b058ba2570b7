"""Build a dataset: the rows that models learn from, and which of its columns are features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from soroi.base.errors import DataError
from soroi.build.builders.context import BuildContext, check_columns, check_unique, columns_of
from soroi.declare.edge import Role
from soroi.store.records import VersionRecord


def build_dataset(context: BuildContext) -> tuple[dict[str, str], dict[str, Any]]:
    """Join features and sources into training rows.

    Returns:
        Outputs and facts; ``facts["features"]`` says which feature column came from which node.

    Raises:
        DataError: There are no rows, no time, too few of the first input's rows, or one column of two origins.
    """
    assert context.node.function is not None
    inputs = context.producers(Role.READS, Role.USES_FEATURE)
    frames = [context.read_table(one) for one in inputs]
    made = context.collect(context.call(context.node.function, *(frame.lazy() for frame in frames)))
    key: list[str] = inputs[0].facts["key"]
    check_columns(context, made, key, f"the key of its first input '{inputs[0].node}'")
    if made.height == 0:
        raise DataError(
            f"{context.node.label} has no rows",
            hint="its inputs share no keys: check the joins in its function",
            where=context.node.where,
        )
    check_unique(context, made, key)
    time = _time_column(context, made, inputs)
    _check_join(context, made.height, frames[0].height)
    table = context.tables.write(made, key=key, time=time)
    facts = {
        "rows": made.height,
        "columns": columns_of(made),
        "key": key,
        "time": time,
        "features": _feature_columns(context, made.columns, inputs),
        "join_rate": made.height / frames[0].height,
        "parts": {column: _values(context, made, column) for column in context.part_columns},
    }
    return {"table": table.root}, facts


def _values(context: BuildContext, made: pl.DataFrame, column: str) -> list[str]:
    check_columns(context, made, [column], "the column that parts a family, named by per=")
    return [str(value) for value in made[column].drop_nulls().unique().cast(pl.String).sort().to_list()]


def _time_column(context: BuildContext, made: pl.DataFrame, inputs: Sequence[VersionRecord]) -> str:
    named = [one.facts["time"] for one in inputs if one.facts.get("time")]
    for name in named:
        if name in made.columns and isinstance(made.schema[name], pl.Datetime):
            return str(name)
    raise DataError(
        f"{context.node.label} has no time column, so it cannot be split by time",
        hint=f"keep the column {' or '.join(repr(n) for n in named)} of its source"
        if named
        else "let it read a source that declares time=, and keep that column",
        where=context.node.where,
    )


def _check_join(context: BuildContext, rows: int, wanted: int) -> None:
    floor = context.node.spec.join_rate
    if floor is not None and rows < floor * wanted:
        raise DataError(
            f"{context.node.label} holds {rows} of the {wanted} rows of its first input: a join rate of "
            f"{rows / wanted:.3f}, below the declared {floor:g}",
            hint="an input is late or incomplete, or a key changed its form; a missing join is never a negative label",
            where=context.node.where,
        )


def _feature_columns(context: BuildContext, columns: list[str], inputs: Sequence[VersionRecord]) -> dict[str, str]:
    origin: dict[str, str] = {}
    for one in inputs:
        if one.kind != "features":
            continue
        for name in one.facts["features"]:
            if name in origin:
                raise DataError(
                    f"{context.node.label}: the column '{name}' comes from '{origin[name]}' and from '{one.node}'",
                    hint="give feature columns different names",
                    where=context.node.where,
                )
            if name in columns:
                origin[name] = one.node
    return origin
