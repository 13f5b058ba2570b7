"""What a builder works with: the node, what it rests on, and where its results go."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from soroi.base.errors import (
    BuildError,
    CorruptError,
    DataError,
    MissingFileError,
    SoroiError,
    StorageFullError,
    UnknownNameError,
)
from soroi.codebase import is_own_file
from soroi.declare.edge import Role
from soroi.declare.node import Node
from soroi.store import Objects, Tables
from soroi.store.records import EdgeRecord, VersionRecord

NO_SPACE = 28


@dataclass(frozen=True)
class BuildContext:
    """One node's build."""

    node: Node
    """What is built."""

    root: Path
    """Folder of the project: relative paths start there, and frames below it are the project's own."""

    inputs: Mapping[str, VersionRecord]
    """The version taken for each producer, by node."""

    overrides: Mapping[str, Any]
    """Hyper-parameters that the caller named."""

    as_of: datetime | None
    """Use only what was known before this moment."""

    objects: Objects
    """Where files go."""

    tables: Tables
    """Where tables go."""

    compare: VersionRecord | None = None
    """Of a model: the version to compare its scores on the canary rows with."""

    part_columns: tuple[str, ...] = ()
    """Of a dataset: the columns whose values part families."""

    def producers(self, *roles: Role) -> list[VersionRecord]:
        """The versions behind the node's edges of some roles, in the order of declaration."""
        return [self.inputs[edge.producer] for edge in self.node.edges if edge.role in roles]

    def edge_records(self) -> list[EdgeRecord]:
        """The node's edges that are fitted, with the versions behind them."""
        return [
            EdgeRecord(edge.role.value, edge.producer, self.inputs[edge.producer].id)
            for edge in self.node.edges
            if edge.role.is_fitted
        ]

    def read_table(self, record: VersionRecord) -> pl.DataFrame:
        """The rows of a source, features or dataset version.

        Raises:
            CorruptError: A part of it is missing or damaged; names the version.
        """
        return self._read_rows(record.outputs["table"], record.id)

    def read_scores(self, model: VersionRecord, part: str) -> pl.DataFrame:
        """The scores that a model version gave to rows it did not learn from.

        Args:
            model: The version of the model, or of a threshold on it.
            part: ``calibration``, ``test`` or ``out_of_fold``.

        Raises:
            CorruptError: A part of them is missing or damaged; names the version.
        """
        of = model.facts.get("model", model.id)
        return self._read_rows(model.facts["scores"][part], f"the {part} scores of {of}")

    def _read_rows(self, root: str, what: str) -> pl.DataFrame:
        try:
            return self.tables.read(root)
        except (CorruptError, UnknownNameError) as error:  # a table that a version names must be there
            raise CorruptError(f"{what}: {error.message}", hint=error.hint, **error.fields) from None

    def read_object(self, record: VersionRecord, name: str) -> bytes:
        """The bytes of one output of a version, checked against their digest."""
        return self.objects.get(record.outputs[name], what=f"{name} of {record.id}")

    def put_json(self, value: Any) -> str:
        """Store data as canonical JSON; gives its digest."""
        return self.objects.put(msgspec.json.encode(value, order="deterministic"))

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of the project, and turn what it raises into an error that names the place.

        Raises:
            BuildError: The function raised.
            MissingFileError: It did not find a file.
            DataError: Polars could not make its query of these columns.
        """
        try:
            return function(*arguments, **options)
        except (SoroiError, KeyboardInterrupt):
            raise
        except BaseException as error:  # also sys.exit() and the panics of compiled libraries
            raise self.explain(error) from error

    def explain(self, error: BaseException) -> SoroiError:
        """An error raised by the project's code, as one of ours that names node, file and line."""
        place = self._place(error)
        said = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
        fields = {"node": self.node.name, "traceback": "".join(traceback.format_exception(error))}
        if isinstance(error, FileNotFoundError):
            return MissingFileError(
                f"{self.node.label} did not find a file: {said}",
                hint="check the path in the declaration, or bring the file",
                where=place,
                **fields,
            )
        if isinstance(error, OSError) and error.errno == NO_SPACE:
            return StorageFullError(
                f"no space is left where {self.node.label} writes: {error.filename or said}",
                hint="free some space, then build again: what was finished is kept",
                where=place,
                **fields,
            )
        if isinstance(error, pl.exceptions.PolarsError):
            return DataError(
                f"{self.node.label}: {type(error).__name__}: {said}",
                hint="a column is missing or of another type than the function expects",
                where=place,
                **fields,
            )
        return BuildError(
            f"{self.node.label} raised {type(error).__name__}: {said}",
            hint=f"the whole traceback is in its log: soroi status {self.node.name} --log",
            where=place,
            **fields,
        )

    def _place(self, error: BaseException) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if is_own_file(Path(frame.filename), self.root)]
        if not ours:
            return self.node.where
        return f"{Path(ours[-1].filename).relative_to(self.root)}:{ours[-1].lineno}"

    def collect(self, made: Any) -> pl.DataFrame:
        """The rows behind what a function returned.

        Raises:
            DataError: It is not a frame, or its query fails; names the node and the place.
        """
        if isinstance(made, pl.LazyFrame):
            found = self.call(made.collect)
            assert isinstance(found, pl.DataFrame)
            return found
        if isinstance(made, pl.DataFrame):
            return made
        raise DataError(
            f"{self.node.label} returned {type(made).__name__}, not rows",
            hint="return a polars LazyFrame or DataFrame",
            where=self.node.where,
        )


def columns_of(frame: pl.DataFrame) -> list[list[str]]:
    """Names and types of the columns of a frame, as plain data."""
    return [[name, str(dtype)] for name, dtype in frame.schema.items()]


def check_columns(context: BuildContext, frame: pl.DataFrame, wanted: list[str], why: str) -> None:
    """Check that a frame has some columns.

    Raises:
        DataError: One is not there; names it, and those that are.
    """
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise DataError(
            f"{context.node.label} has no column {', '.join(repr(m) for m in missing)} ({why})",
            hint=f"its columns are {', '.join(frame.columns) or 'none'}",
            where=context.node.where,
        )


def check_unique(context: BuildContext, frame: pl.DataFrame, key: list[str]) -> None:
    """Check that a key names each row once, and is never null.

    Raises:
        DataError: It does not; gives an example.
    """
    empty = frame.filter(pl.any_horizontal(pl.col(key).is_null()))
    if empty.height:
        raise DataError(
            f"{context.node.label}: {empty.height} of {frame.height} rows have no value in the key ({', '.join(key)})",
            hint="drop or repair these rows in its function",
            where=context.node.where,
        )
    doubled = frame.filter(pl.struct(key).is_duplicated())
    if doubled.height:
        example = ", ".join(f"{name}={value!r}" for name, value in doubled.select(key).row(0, named=True).items())
        raise DataError(
            f"{context.node.label}: {doubled.height} of {frame.height} rows share their key with another, "
            f"such as {example}",
            hint="the key must name each row once: drop duplicates, or add a column to key=",
            where=context.node.where,
        )
