"""SQLMesh's plan: the difference between the models on disk and an environment, without applying it.

The state is filled through SQLMesh's state store, as if all models had been planned and applied, because applying
would make a table for every model; then every twentieth model's query is changed on disk and the plan is asked for.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import sqlmesh
from common import arguments, repeated, report, shape, timed
from sqlmesh import Context
from sqlmesh.core.config import Config, GatewayConfig, ModelDefaultsConfig
from sqlmesh.core.config.connection import DuckDBConnectionConfig
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.environment import Environment
from sqlmesh.core.snapshot import SnapshotChangeCategory
from sqlmesh.utils.date import now_timestamp


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


def write(folder: Path, graph: Sequence[Sequence[int]]) -> None:
    """All models as files."""
    models = folder / "models"
    models.mkdir(parents=True)
    for place, producers in enumerate(graph):
        (models / f"model_{place:06d}.sql").write_text(text(place, producers, 2))


def edit(folder: Path, graph: Sequence[Sequence[int]]) -> None:
    """Change every twentieth model."""
    for place in range(7, len(graph), 20):
        (folder / "models" / f"model_{place:06d}.sql").write_text(text(place, graph[place], 3))


def load(folder: Path) -> Context:
    """The models on disk, as a new process reads them (SQLMesh's own cache beside them may help)."""
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
    now = now_timestamp()
    state = context.state_sync
    state.push_snapshots(snapshots)
    for snapshot in snapshots:
        snapshot.version = snapshot.version or snapshot.fingerprint.to_version()
    environment = Environment(
        name="prod",
        snapshots=[one.table_info for one in snapshots],
        start_at="2026-01-01",
        end_at="2026-01-02",
        plan_id="first",
        finalized_ts=now,
    )
    state.promote(environment)
    state.finalize(environment)


def plan(context: Context) -> int:
    """How many models a plan finds changed, directly or by what they rest on."""
    with redirect_stdout(io.StringIO()):
        made = context.plan("prod", no_prompts=True, auto_apply=False, skip_tests=True, skip_linter=True, no_diff=True)
    return len(made.directly_modified) + sum(len(one) for one in made.indirectly_modified.values())


def main() -> None:
    """Record, edit, then ask."""
    logging.disable(logging.WARNING)
    set_console(NoopConsole())
    options = arguments(__doc__ or "")
    graph = shape(options.nodes)
    folder = options.work / f"sqlmesh-{options.nodes}"
    write(folder, graph)
    first_load, context = timed(lambda: load(folder))
    setup, _ = timed(lambda: apply(context))
    context.close()
    edit(folder, graph)
    again, context = timed(lambda: load(folder))
    first, changed = timed(lambda: plan(context))
    print(f"changed: {changed}")
    report(
        version=sqlmesh.__version__,
        setup=[one + other for one, other in zip(setup, first_load, strict=True)],
        nodes=options.nodes,
        versions=options.nodes,
        figures={
            "load the models, without its cache": first_load,
            "load the models after edits, with its cache": again,
            "plan, first": first,
            "plan, again": repeated(lambda: plan(context)),
        },
        status="plan, again",
    )


if __name__ == "__main__":
    main()
