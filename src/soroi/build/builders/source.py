"""Build a source: read its rows, keep what was known, check, and store them as a data version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from soroi.base.errors import DataError
from soroi.build.builders.context import BuildContext, check_columns, check_unique, columns_of
from soroi.build.probe import probe_files
from soroi.declare.spec import SourceSpec

UTC = pl.Datetime("us", "UTC")


def build_source(context: BuildContext) -> tuple[dict[str, str], dict[str, Any], datetime | None]:
    """Snapshot a source as of a moment.

    Returns:
        Outputs, facts and the watermark: the latest moment at which one of the rows became known.

    Raises:
        DataError: Key or time columns are missing or of the wrong type, keys repeat, or there are no rows.
        MissingFileError: A file is not there.
    """
    spec: SourceSpec = context.node.spec
    assert context.node.function is not None
    seen = probe_files(spec.files, context.root, context.node)
    frame = context.collect(context.call(context.node.function))
    times = [name for name in dict.fromkeys((spec.time, spec.moment)) if name]
    check_columns(context, frame, [*spec.key, *times], "named by key=, time= or known_at=")
    for name in times:
        frame = _in_utc(context, frame, name)
    total = frame.height
    if context.as_of is not None and spec.moment is not None:
        frame = frame.filter(pl.col(spec.moment) < context.as_of)
    if frame.height == 0:
        raise _empty(context, total)
    check_unique(context, frame, list(spec.key))
    table = context.tables.write(frame, key=list(spec.key), time=spec.time, partition=spec.partition)
    watermark = frame[spec.moment].max() if spec.moment else None
    assert watermark is None or isinstance(watermark, datetime)
    facts: dict[str, Any] = {
        "rows": frame.height,
        "columns": columns_of(frame),
        "key": list(spec.key),
        "time": spec.time,
        "known_at": spec.moment,
        "nulls": {name: count for name, count in frame.null_count().row(0, named=True).items() if count},
        "as_of": context.as_of.isoformat() if context.as_of else None,
        "in_step": spec.in_step,
        "files": seen,
    }
    return {"table": table.root}, facts, watermark


def _in_utc(context: BuildContext, frame: pl.DataFrame, name: str) -> pl.DataFrame:
    dtype = frame.schema[name]
    if not isinstance(dtype, pl.Datetime):
        raise DataError(
            f"{context.node.label}: column '{name}' is {dtype}, not a time",
            hint=f"in its function: pl.col('{name}').str.to_datetime(time_zone='UTC'), or cast it to "
            "pl.Datetime('us', 'UTC')",
            where=context.node.where,
        )
    if dtype.time_zone is None:
        raise DataError(
            f"{context.node.label}: column '{name}' has no time zone, so it does not say which moment it means",
            hint=f"in its function: pl.col('{name}').dt.replace_time_zone('UTC') (or the zone it was recorded in)",
            where=context.node.where,
        )
    missing = frame[name].null_count()
    if missing:
        raise DataError(
            f"{context.node.label}: {missing} of {frame.height} rows have no '{name}'",
            hint="a row without its time cannot be placed: drop or repair such rows in its function",
            where=context.node.where,
        )
    return frame.with_columns(pl.col(name).cast(pl.Datetime("us")).dt.convert_time_zone("UTC").cast(UTC))


def _empty(context: BuildContext, total: int) -> DataError:
    if total:
        return DataError(
            f"{context.node.label} has {total} rows, but none that was known before {context.as_of}",
            hint="name a later moment with --as-of",
            where=context.node.where,
        )
    return DataError(
        f"{context.node.label} is empty",
        hint="check the files or the query in its function; the version that was there before is untouched",
        where=context.node.where,
    )
