"""Deciding on many rows at once, from a file or a table: the same engine, the same answers, bounded memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.io.plugins import register_io_source

from soroi.base.errors import ConfigError, RefusedError, RequestError
from soroi.build.reference import PRODUCTION
from soroi.project.answering import Answering, answering, patient
from soroi.project.row_files import RowFile, open_rows
from soroi.release.manifest import Manifest, read_manifest
from soroi.serve import Answer, DecisionPart
from soroi.serve.answer import record_of

if TYPE_CHECKING:
    from soroi.project.looking import Looking

AT_ONCE = 2_000
"""Rows answered together."""

OUTPUTS = (".parquet", ".csv", ".jsonl", ".ndjson")
"""What answers can be written as, by the ending of the file's name."""

Progress = Callable[[int, int | None], None]
"""Told how many rows are done, and of how many if that is known."""


@dataclass(frozen=True)
class Batch:
    """What is to be decided on."""

    decision: str
    """Id of the decision."""

    rows: str
    """Path of a file (``.parquet``, ``.csv``, ``.jsonl``, ``.ndjson``), or id of the decision's source."""

    output: Path
    """Where the answers go, one row for each: Parquet, CSV or JSON lines by the ending."""

    environment: str = PRODUCTION
    """Whose manifest answers."""

    record: bool = True
    """Whether the answers are written down in the answers log, so that they can be traced."""

    together: bool = False
    """Whether rows are asked together, :data:`AT_ONCE` at a time: quicker where features are computed by Polars, whose
    last bits can then differ from those of a row asked alone, as a server is asked."""

    refused: Path | None = None
    """JSON lines with the rows that are not what the source holds, and why; ``None``: the first one ends it all."""


@dataclass
class BatchOutcome:
    """What was decided."""

    decision: str
    """Id of the decision."""

    manifest: str
    """Id of the manifest that answered."""

    output: str
    """Where the answers are."""

    rows: int = 0
    """How many were answered."""

    refused: int = 0
    """How many were not what the source holds."""

    actions: Counter[str] = field(default_factory=Counter)
    """Answers by action."""

    paths: Counter[str] = field(default_factory=Counter)
    """Answers by the step that gave them."""

    falls: Counter[str] = field(default_factory=Counter)
    """Falls by step and reason."""

    seconds: float = 0.0
    """How long it took, loading included."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), **{name: dict(getattr(self, name)) for name in ("actions", "paths", "falls")}}


def decide_batch(project: Looking, batch: Batch, progress: Progress | None = None) -> BatchOutcome:
    """Decide on every row of a file or table. The output is there whole, or not at all.

    No step is late, because nobody waits; everything else is as it is online. A rollout takes no part.

    Args:
        project: The project.
        batch: What is to be decided on.
        progress: Told now and then how far it is.

    Raises:
        RefusedError: Nothing is live there.
        UnknownNameError: The manifest has no such decision.
        ConfigError: A file has another ending than those named, or is not there.
        RequestError: A row is not what the source holds; names row and field.
    """
    begun = time.perf_counter()
    _check_endings(batch)
    manifest, revision = _live(project, batch.environment)
    with answering(project, manifest, environment=batch.environment, revision=revision) as here:
        part = here.part(batch.decision)
        rows = open_rows(project, here.serving.snapshot, part, batch.rows)
        outcome = BatchOutcome(part.node, manifest.id, str(batch.output))
        _Deciding(here, part, batch, rows, outcome, progress).write()
    outcome.seconds = time.perf_counter() - begun
    return outcome


def _check_endings(batch: Batch) -> None:
    if batch.output.suffix not in OUTPUTS:
        raise ConfigError(
            f"answers cannot be written as '{batch.output.name}'", hint=f"end the name with {', '.join(OUTPUTS)}"
        )
    if not batch.output.parent.is_dir():
        raise ConfigError(f"there is no folder {batch.output.parent}", hint="make it first")


def _live(project: Looking, environment: str) -> tuple[Manifest, int]:
    with project.store.catalogue.read() as tx:
        head = tx.heads.get(environment)
        if head is None:
            raise RefusedError(f"nothing is live in '{environment}', so nothing can be decided", hint="soroi release")
        return read_manifest(tx, head.manifest), head.revision


class _Deciding:
    """One batch on its way."""

    def __init__(
        self,
        here: Answering,
        part: DecisionPart,
        batch: Batch,
        rows: RowFile,
        outcome: BatchOutcome,
        progress: Progress | None,
    ) -> None:
        self._here = here
        self._part = part
        self._batch = batch
        self._rows = rows
        self._outcome = outcome
        self._progress = progress or (lambda done, total: None)
        self._error: BaseException | None = None

    def write(self) -> None:
        """Answer all rows; put the answers in their place once they are whole."""
        files = [self._batch.output, *([self._batch.refused] if self._batch.refused else [])]
        folders = {path: Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)) for path in files}
        fresh = {path: folder / path.name for path, folder in folders.items()}
        try:
            self._sink(fresh)
            for path, made in fresh.items():
                made.replace(path)
        finally:
            for folder in folders.values():
                shutil.rmtree(folder, ignore_errors=True)

    def _sink(self, fresh: dict[Path, Path]) -> None:
        output, refused = self._batch.output, self._batch.refused
        schema = _schema(self._part)
        if refused is not None:
            fresh[refused].touch()

        def frames(_columns: Any, _predicate: Any, _rows: Any, _size: Any) -> Iterator[pl.DataFrame]:
            try:
                yield from self._frames(schema, fresh[refused] if refused else None)
            except BaseException as error:  # raised again below: on the way through Polars it would lose its kind
                self._error = error
                raise

        lazy = register_io_source(frames, schema=schema)
        try:
            if output.suffix == ".parquet":
                lazy.sink_parquet(fresh[output])
            elif output.suffix == ".csv":
                lazy.sink_csv(fresh[output])
            else:
                lazy.sink_ndjson(fresh[output])
        except BaseException:
            if self._error is not None:
                raise self._error from None
            raise

    def _frames(self, schema: dict[str, Any], refused: Path | None) -> Iterator[pl.DataFrame]:
        spine = self._part.spine
        required = frozenset(spine.key)
        waiting: list[tuple[Any, ...]] = []
        keys: set[Any] = set()
        at = self._here.engine.runtime.clock.now()
        defaults = {spine.time: at} if spine.time else {}
        for place, row in enumerate(self._rows.rows()):
            try:
                values = spine.check_row(place, row, defaults, required)
            except RequestError as error:
                self._refuse(place, row, error, refused)
                continue
            key = repr(spine.key_of(values))
            if len(waiting) >= AT_ONCE or key in keys:  # those with the same key are asked one after the other
                yield self._answer(waiting, schema)
                waiting, keys = [], set()
            waiting.append(values)
            keys.add(key)
        if waiting:
            yield self._answer(waiting, schema)

    def _refuse(self, place: int, row: Any, error: RequestError, refused: Path | None) -> None:
        if refused is None:
            error.hint = error.hint or "--refused FILE sets such rows aside and goes on"
            raise error
        import msgspec

        self._outcome.refused += 1
        with refused.open("ab") as file:
            file.write(msgspec.json.encode({"row": place, "why": error.message, "values": row}, enc_hook=str) + b"\n")

    def _answer(self, rows: list[tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
        engine, part, outcome = self._here.engine, self._part, self._outcome
        asked = [rows] if self._batch.together else [[row] for row in rows]
        answers: list[Answer] = []
        records: list[dict[str, Any]] = []
        for some in asked:
            at = engine.runtime.clock.now()
            given = engine.answer(self._here.serving, part, part.spine.rows(tuple(some)), at, patient())
            answers += given.answers
            records += [record_of(one, detail) for one, detail in zip(given.answers, given.details, strict=True)]
        if self._batch.record:
            engine.answers.append(records)
        for answer in answers:
            outcome.actions[answer.action] += 1
            outcome.paths[answer.path[-1].name] += 1
            outcome.falls.update(f"{step.name}: {step.outcome.value}" for step in answer.path if step.outcome.is_fall)
        outcome.rows += len(rows)
        self._progress(outcome.rows + outcome.refused, self._rows.total)
        return pl.DataFrame(_table(part, rows, answers), schema=schema, orient="row")


def _schema(part: DecisionPart) -> dict[str, Any]:
    return {
        **{name: part.spine.schema[name] for name in part.spine.key},
        "answer": pl.String,
        "action": pl.String,
        "positive": pl.Boolean,
        "score": pl.Float64,
        "threshold": pl.Float64,
        "confidence": pl.Float64,
        "by": pl.String,
        "fell": pl.Boolean,
        "manifest": pl.String,
    }


def _table(part: DecisionPart, rows: Iterable[tuple[Any, ...]], answers: Iterable[Answer]) -> list[tuple[Any, ...]]:
    return [
        (
            *part.spine.key_of(row),
            *(one.id, one.action, one.positive, one.score, one.threshold, one.confidence),
            *(one.path[-1].name, one.fell, one.manifest),
        )
        for row, one in zip(rows, answers, strict=True)
    ]
