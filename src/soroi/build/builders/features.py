"""Build features: run the function over the whole of its inputs, check its promise, store the rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from soroi.base.errors import DataError
from soroi.build.builders.context import BuildContext, check_columns, check_unique, columns_of
from soroi.declare.edge import Role


def build_features(context: BuildContext) -> tuple[dict[str, str], dict[str, Any]]:
    """Compute features for every row of the spine.

    Returns:
        Outputs and facts.

    Raises:
        DataError: The result does not hold exactly one row per row of the spine.
    """
    assert context.node.function is not None
    inputs = context.producers(Role.READS)
    frames = [context.read_table(one) for one in inputs]
    key: list[str] = inputs[0].facts["key"]
    made = context.collect(context.call(context.node.function, *(frame.lazy() for frame in frames)))
    check_columns(context, made, key, f"the key of its spine '{inputs[0].node}'")
    _check_rows(context, frames[0], made, key)
    check_unique(context, made, key)
    names = [name for name in made.columns if name not in key]
    if not names:
        raise DataError(f"{context.node.label} has no column besides its key", where=context.node.where)
    made = made.select(*key, *names)
    table = context.tables.write(made, key=key)
    facts = {
        "rows": made.height,
        "columns": columns_of(made),
        "key": key,
        "features": names,
        "spine": inputs[0].node,
        "nulls": {name: count for name, count in made.null_count().row(0, named=True).items() if count},
    }
    return {"table": table.root}, facts


def _check_rows(context: BuildContext, spine: pl.DataFrame, made: pl.DataFrame, key: list[str]) -> None:
    if made.height == spine.height and made.join(spine, on=key, how="anti").height == 0:
        return
    lost = spine.join(made, on=key, how="anti").height
    raise DataError(
        f"{context.node.label} returned {made.height} rows for the {spine.height} rows of its spine"
        + (f"; {lost} of them are missing" if lost else ""),
        hint="keep every row of the first input: use left joins, and let what is unknown be null",
        where=context.node.where,
    )
