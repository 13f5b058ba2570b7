"""Rows to decide on, read piece by piece: from Parquet, CSV, JSON lines, or the table of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from soroi.base.errors import ConfigError, RequestError
from soroi.serve import DecisionPart, RowSchema, Snapshot

if TYPE_CHECKING:
    from soroi.project.looking import Looking

INPUTS = (".parquet", ".csv", ".jsonl", ".ndjson")
"""What rows can be read from, by the ending of the file's name."""

_PIECE = 10_000
_NUMBERS = (*(pl.Int8, pl.Int16, pl.Int32, pl.Int64), *(pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64))


@dataclass(frozen=True)
class RowFile:
    """Rows that can be gone through once."""

    rows: Callable[[], Iterator[Any]]
    """Gives them in order, as mappings from column to value."""

    total: int | None
    """How many there are; ``None``: nobody knows before they are read."""


def open_rows(project: Looking, snapshot: Snapshot, part: DecisionPart, text: str) -> RowFile:
    """The rows that a decision is asked about.

    Args:
        project: The project.
        snapshot: What answers.
        part: The decision.
        text: Path of a file, or id of the decision's source.

    Raises:
        ConfigError: There is no such file, or it is of no kind that can be read.
    """
    spine = part.spine
    if text == spine.source and not Path(text).exists():
        return _table(project, snapshot, spine)
    path = Path(text)
    if not path.is_file():
        hint = f"name a file ({', '.join(INPUTS)}), or the source that '{part.node}' is about: {spine.source}"
        raise ConfigError(f"there is no file {text}", hint=hint)
    if path.suffix == ".parquet":
        lazy = pl.scan_parquet(path)
        unknown = [name for name in lazy.collect_schema().names() if name not in spine.schema]
        if unknown:
            raise ConfigError(
                f"{path.name}: '{spine.source}' has no column {', '.join(unknown)}",
                hint=f"its columns: {', '.join(spine.schema)}",
            )
        return RowFile(lambda: _pieces(lazy), lazy.select(pl.len()).collect().item())
    if path.suffix == ".csv":
        return RowFile(lambda: _csv(path, spine), None)
    if path.suffix in (".jsonl", ".ndjson"):
        return RowFile(lambda: _json_lines(path), None)
    raise ConfigError(f"rows cannot be read from {path.name}", hint=f"known: {', '.join(INPUTS)}")


def _table(project: Looking, snapshot: Snapshot, spine: RowSchema) -> RowFile:
    version = snapshot.bases[spine.source].version
    with project.store.catalogue.read() as tx:
        root = tx.versions.get(version).outputs["table"]
    tables = project.store.tables
    return RowFile(lambda: _pieces(tables.scan(root).select(spine.names)), tables.describe(root).rows)


def _pieces(lazy: pl.LazyFrame) -> Iterator[dict[str, Any]]:
    for frame in lazy.collect_batches(chunk_size=_PIECE, maintain_order=True):
        yield from frame.iter_rows(named=True)


def _csv(path: Path, spine: RowSchema) -> Iterator[dict[str, Any]]:
    """Rows of text, with numbers and truth values made of it where the source has such; empty text is missing."""
    lazy = pl.scan_csv(path, infer_schema=False)
    casts = {name: _of_text(spine.schema.get(name)) for name in lazy.collect_schema().names()}
    for row in _pieces(lazy):
        yield {name: None if value is None else casts[name](value) for name, value in row.items()}


def _of_text(dtype: pl.DataType | None) -> Callable[[str], Any]:
    if isinstance(dtype, _NUMBERS):
        return _number(int)
    if isinstance(dtype, pl.Float32 | pl.Float64):
        return _number(float)
    if isinstance(dtype, pl.Boolean):
        return lambda text: {"true": True, "false": False}.get(text.strip().lower(), text)
    return str


def _number(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            return text  # refused later, by a message that names row and field

    return read


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for place, line in enumerate(file):
            if line.strip():
                try:
                    yield msgspec.json.decode(line)
                except msgspec.DecodeError as error:
                    raise RequestError(f"{path.name}, line {place + 1}: no JSON: {error}", row=place) from None
