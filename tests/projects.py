"""Tiny projects for tests: written to a folder, edited, built within this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl

from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.build.result import RunResult
from soroi.build.task import Draft, Task
from soroi.project import Project, open_project
from soroi.release import LOADS
from soroi.release.heads import Judge
from soroi.release.manifest import Manifest
from soroi.rules import Finding
from soroi.store import VersionRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 2400
"""Rows of the sample, half an hour apart: fifty days."""

FEBRUARY = "2026-02-01"
LATER = "2026-02-15"

CONFIG = """[project]
name = "tiny"
module = "tiny"
"""

CODE = '''"""A tiny project: one source of things, one of what became of them, three models, two decisions."""

from datetime import timedelta

import polars as pl
from sklearn.linear_model import LogisticRegression

import soroi as so

team = so.group("team", owner="team@example.com")


def read(name):
    """Rows of a file."""
    rows = pl.scan_csv(name, schema_overrides={"at": pl.String})
    return rows.with_columns(pl.col("at").str.to_datetime(time_zone="UTC", time_unit="us"))


@so.source(key="id", time="at", partition="1mo", files=so.file("items.csv"), in_step="20d", group=team)
def items() -> pl.LazyFrame:
    """Things to decide on."""
    return read("items.csv").select("id", "at", "x", "y")


@so.source(key="id", time="at", known_at="known", partition="1mo", files=so.file("outcomes.csv"), in_step="20d")
def outcomes() -> pl.LazyFrame:
    """What became of them, known five hours later."""
    return read("outcomes.csv").with_columns(known=pl.col("at") + timedelta(hours=5))


@so.features(items)
def basic(items: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of a thing."""
    return items.select("id", "x", "y")


@so.dataset(basic, outcomes)
def examples(basic: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Things with what became of them."""
    return outcomes.join(basic, on="id").select("id", "at", "x", "y", "bad")


@so.model(examples, target="bad", split=so.by_time(test="7d"))
def quick(train: pl.DataFrame, strength: float = 1.0) -> LogisticRegression:
    """A fast guess."""
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


@so.model(examples, target="bad", split=so.by_time(test="7d"), out_of_fold=2)
def careful(train: pl.DataFrame, strength: float = 2.0) -> LogisticRegression:
    """A slower guess."""
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


@so.model(examples, target="bad", split=so.by_time(test="7d"), scores=[careful])
def second(train: pl.DataFrame) -> LogisticRegression:
    """A guess on a guess."""
    X, y = so.xy(train)
    return LogisticRegression().fit(X, y)


def rule(row):
    """Without a model."""
    return None if row["x"] is None else row["x"] > 1


quick_cut = so.threshold(quick, maximise=so.recall, subject_to=so.precision >= 0.5)
careful_cut = so.threshold(careful, maximise=so.recall, subject_to=so.precision >= 0.5)
second_cut = so.threshold(second, maximise=so.recall, subject_to=so.precision >= 0.5)
check = so.decision(
    cascade=[so.when_sure(quick_cut, error=0.2), careful_cut],
    deadline="100ms",
    positive="stop",
    negative="go",
    fail_safe="go",
    fallbacks=[rule],
)
other = so.decision(cascade=[second_cut], deadline="100ms", positive="stop", negative="go", fail_safe="go")
'''

SMALL = '''"""The smallest whole project."""

import polars as pl
from sklearn.linear_model import LogisticRegression

import soroi as so


@so.source(key="id", time="at", files=so.file("items.csv"))
def items() -> pl.LazyFrame:
    """Things with what became of them."""
    rows = pl.scan_csv("items.csv", schema_overrides={"at": pl.String}).join(pl.scan_csv("outcomes.csv"), on="id")
    return rows.select(
        "id", "x", "bad", at=pl.col("at").str.to_datetime(time_zone="UTC", time_unit="us")
    )


@so.features(items)
def basic(items: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of a thing."""
    return items.select("id", "x")


@so.dataset(basic, items)
def examples(basic: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    """Things with what became of them."""
    return basic.join(items.select("id", "at", "bad"), on="id")


@so.model(examples, target="bad", split=so.by_time(test="7d"))
def guess(train: pl.DataFrame, strength: float = 1.0) -> LogisticRegression:
    """A guess."""
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


cut = so.threshold(guess, maximise=so.recall, subject_to=so.precision >= 0.5)
check = so.decision(cascade=[cut], deadline="100ms", positive="stop", negative="go", fail_safe="go")
'''


def sample(rows: int = ROWS, *, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Things and outcomes; the first ``n`` rows do not depend on how many there are."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(max(rows, ROWS), 3))[:rows]
    x, y, noise = table.T
    ids = [f"i{n:05d}" for n in range(rows)]
    at = [(START + timedelta(minutes=30 * n)).isoformat() for n in range(rows)]
    items = pl.DataFrame({"id": ids, "at": at, "x": x, "y": y})
    outcomes = pl.DataFrame({"id": ids, "at": at, "bad": x + 0.3 * noise > 0.6})
    return items, outcomes


def write_data(folder: Path, rows: int = ROWS, *, seed: int = 0) -> None:
    """Write the two files of the sample."""
    items, outcomes = sample(rows, seed=seed)
    items.write_csv(folder / "items.csv")
    outcomes.write_csv(folder / "outcomes.csv")


def write_project(folder: Path, code: str = CODE, *, rows: int = ROWS, config: str = CONFIG) -> Path:
    """Write a project with its data; gives its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soroi.toml").write_text(config)
    (folder / "tiny.py").write_text(code)
    write_data(folder, rows)
    return folder


def edit(folder: Path, old: str, new: str, *, name: str = "tiny.py") -> None:
    """Replace a text that is in a file, once."""
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
    path.write_text(text.replace(old, new))


class InlineExecutor:
    """Runs tasks one after another in this process."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def submit(self, task: Task) -> Future[Draft]:
        """Run a task."""
        from soroi.build.worker import run_task

        self.ran.append(task.node)
        future: Future[Draft] = Future()
        here = Path.cwd()
        try:
            future.set_result(run_task(task))
        except Exception as error:
            future.set_exception(error)
        finally:
            os.chdir(here)
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def loads(_manifest: Manifest) -> Finding:
    """A judge that lets everything pass: that a manifest loads is the affair of the room that serves."""
    return Finding(True, Reason("loads", "it loads"))


class Tiny:
    """A project in a folder, with the builds of tests running in this process."""

    def __init__(self, folder: Path, *, runtime: Runtime | None = None, judge: Judge = loads) -> None:
        self.folder = folder
        self.project = open_project(folder, runtime=runtime)
        self.judge = judge
        self.project._judges = lambda: {LOADS: self.judge}  # type: ignore[method-assign]

    def build(self, *nodes: str, **options: Any) -> RunResult:
        """Build, and fail when something failed."""
        result = self.attempt(*nodes, **options)
        assert result.ok, [one.error for one in result.failed]
        return result

    def attempt(self, *nodes: str, **options: Any) -> RunResult:
        """Build, whatever comes of it."""
        self.project.reload()
        options.setdefault("executor", InlineExecutor())
        return self.project.build(*nodes, **options)

    def statuses(self) -> dict[str, str]:
        """The state of each node, with the code as it is on disk."""
        self.project.reload()
        return {name: one.state.value for name, one in self.project.statuses().items()}

    def live(self) -> str | None:
        """The manifest in production."""
        with self.project.store.catalogue.read() as tx:
            head = tx.heads.get("production")
        return head.manifest if head else None

    def picks(self) -> dict[str, str]:
        """The staged version of each node."""
        with self.project.store.catalogue.read() as tx:
            return {node: pick.version for node, pick in tx.staging.get().picks.items()}

    def close(self) -> None:
        """Close the store."""
        self.project.close()


def states(result: RunResult) -> dict[str, str]:
    """What came of each visited node."""
    return {name: one.status for name, one in result.nodes.items()}


def built(result: RunResult) -> set[str]:
    """Ids of the nodes that were run."""
    return {name for name, one in result.nodes.items() if one.status == "built"}


def ids(versions: Mapping[str, VersionRecord]) -> dict[str, str]:
    """Version ids by node."""
    return {node: record.id for node, record in versions.items()}


def object_path(project: Project, digest: str) -> Path:
    """Where the local store keeps an object."""
    return Path(project.store.objects.location(digest))


def flip(path: Path, at: int = -1) -> None:
    """Change one byte of a file; by default the middle one."""
    content = bytearray(path.read_bytes())
    place = len(content) // 2 if at < 0 else at
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


def names_of(events: Sequence[Any], kind: str) -> list[Any]:
    """Bodies of the events of one kind, oldest first."""
    return [one.body for one in events if one.kind == kind]


Maker = Callable[..., Tiny]
"""Writes a project and opens it."""
