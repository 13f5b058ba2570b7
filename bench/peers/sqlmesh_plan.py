"""SQLMesh's plan: the difference between the models on disk and an environment, without applying it.

The state is filled through SQLMesh's state store, as if all models had been planned and applied, because applying
would make a table for every model. The plan is asked for with nothing changed, and with one model changed on disk.
SQLMesh keeps its own cache of loaded models beside them, and it is warm.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import sqlmesh  # type: ignore[import-not-found]
from sqlmesh import Context
from sqlmesh.core.config import Config, GatewayConfig, ModelDefaultsConfig  # type: ignore[import-not-found]
from sqlmesh.core.config.connection import DuckDBConnectionConfig  # type: ignore[import-not-found]
from sqlmesh.core.console import NoopConsole, set_console  # type: ignore[import-not-found]
from sqlmesh.core.environment import Environment  # type: ignore[import-not-found]
from sqlmesh.core.snapshot import SnapshotChangeCategory  # type: ignore[import-not-found]
from sqlmesh.utils.date import now_timestamp  # type: ignore[import-not-found]

from bench.peers.common import Report, read_task, shape

BATCH = 1_000
"""Snapshots recorded by one call."""


def name(place: int) -> str:
    """Name of a model."""
    return f"company.model_{place:06d}"


def text(place: int, producers: Sequence[int], factor: int) -> str:
    """The file of a model."""
    head = f"MODEL (name {name(place)}, kind FULL, owner team{place // 100});\n\n"
    if not producers:
        return f"{head}SELECT 1::INT AS id, {factor}::INT AS amount\n"
    joins = "".join(f"\nJOIN {name(one)} AS t{at} ON t0.id = t{at}.id" for at, one in enumerate(producers) if at)
    select = f"SELECT t0.id::INT AS id, (t0.amount * {factor})::INT AS amount"
    return f"{head}{select}\nFROM {name(producers[0])} AS t0{joins}\n"


def write(folder: Path, places: Sequence[int], graph: Sequence[Sequence[int]], factor: int) -> None:
    """Some models as files."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    for place in places:
        (models / f"model_{place:06d}.sql").write_text(text(place, graph[place], factor))


def load(folder: Path) -> Context:
    """The models on disk."""
    connection = DuckDBConnectionConfig(database=str(folder / "state.db"))
    config = Config(
        gateways={"": GatewayConfig(connection=connection)},
        model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
        disable_anonymized_analytics=True,
    )
    return Context(paths=[str(folder)], config=config)


def apply(context: Context) -> None:
    """Record all models as they are as the environment ``prod``."""
    snapshots = list(context.snapshots.values())
    for snapshot in snapshots:
        snapshot.categorize_as(SnapshotChangeCategory.BREAKING)
    state = context.state_sync
    for start in range(0, len(snapshots), BATCH):
        state.push_snapshots(snapshots[start : start + BATCH])
    for snapshot in snapshots:
        snapshot.version = snapshot.version or snapshot.fingerprint.to_version()
    environment = Environment(
        name="prod",
        snapshots=[one.table_info for one in snapshots],
        start_at="2026-01-01",
        end_at="2026-01-02",
        plan_id="first",
        finalized_ts=now_timestamp(),
    )
    state.promote(environment)
    state.finalize(environment)


def plan(context: Context) -> int:
    """How many models a plan finds changed, directly or by what they rest on."""
    with redirect_stdout(io.StringIO()):
        made = context.plan("prod", no_prompts=True, auto_apply=False, skip_tests=True, skip_linter=True, no_diff=True)
    return len(made.directly_modified) + sum(len(one) for one in made.indirectly_modified.values())


def ask(folder: Path, graph: Sequence[Sequence[int]], began: float) -> None:
    """Plan with nothing changed, then with one model changed."""
    report = Report(sqlmesh.__version__, len(graph))
    context = report.once("load the models, with its cache", "", lambda: load(folder))
    assert plan(context) == 0
    report.new_process("new process: plan, nothing changed", "plan, shell, again", began)
    report.repeated("plan, nothing changed", "plan, warm", lambda: plan(context))
    write(folder, [len(graph) - 3], graph, 3)
    report.once("refresh after one change", "", context.refresh)
    assert plan(context) > 0
    report.repeated("plan, one changed", "plan, warm", lambda: plan(context))
    report.print()


def main() -> None:
    """Do one step."""
    logging.disable(logging.WARNING)
    set_console(NoopConsole())
    task = read_task()
    graph, folder = shape(task.nodes), task.work / "sqlmesh"
    if task.step == "ask":
        ask(folder, graph, task.began)
        return
    write(folder, range(len(graph)), graph, 2)
    apply(load(folder))


if __name__ == "__main__":
    main()
