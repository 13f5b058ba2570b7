"""Dagster's asset staleness: the status of every asset against its recorded materialisations, in SQLite.

One materialisation of each asset is recorded, with the tags a run would leave; the resolver looks at the latest only.
Then the code version of every twentieth asset is changed. The resolver is the one its web server asks; as there, the
records of all assets are read by one query beforehand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster  # type: ignore[import-not-found]
from dagster import AssetKey, AssetMaterialization, AssetsDefinition, DagsterInstance, Definitions
from dagster._core.definitions.data_version import CachingStaleStatusResolver  # type: ignore[import-not-found]
from dagster._core.loader import LoadingContextForTest  # type: ignore[import-not-found]
from dagster._core.storage.event_log.base import AssetRecord  # type: ignore[import-not-found]

from bench.peers.common import Report, Task, read_task, shape


def key(place: int) -> str:
    """Name of an asset."""
    return f"asset_{place:06d}"


def make_asset(place: int, producers: Sequence[int], code_version: str) -> AssetsDefinition:
    """One asset of a code version."""

    def made() -> None:
        """Never run here."""

    made.__name__ = key(place)
    return dagster.asset(name=key(place), deps=[key(one) for one in producers], code_version=code_version)(made)


def definitions(graph: Sequence[Sequence[int]]) -> Definitions:
    """All assets; every twentieth is edited."""
    return Definitions(assets=[make_asset(at, above, "2" if at % 20 == 7 else "1") for at, above in enumerate(graph)])


def fill(folder: Path, task: Task) -> None:
    """Record that every asset was made from its producers as they are."""
    with DagsterInstance.local_temp(str(folder)) as instance:
        for place, producers in enumerate(shape(task.nodes)):
            tags = {"dagster/data_version": f"d{place}", "dagster/code_version": "1"}
            for one in producers:
                tags[f"dagster/input_data_version/{key(one)}"] = f"d{one}"
                tags[f"dagster/input_event_pointer/{key(one)}"] = str(one + 1)
            instance.report_runless_asset_event(AssetMaterialization(asset_key=key(place), tags=tags))


def statuses(instance: DagsterInstance, graph: Any, nodes: int) -> Counter[str]:
    """The status of every asset and its causes, with a resolver of its own as for each request."""
    context = LoadingContextForTest(instance)
    keys = [AssetKey(key(place)) for place in range(nodes)]
    AssetRecord.prepare(context, keys)
    resolver = CachingStaleStatusResolver(instance, graph, context)
    found: Counter[str] = Counter()
    for asset_key in keys:
        found[str(resolver.get_status(asset_key).value)] += 1
        resolver.get_stale_causes(asset_key)
    return found


def ask(folder: Path, task: Task) -> None:
    """Load the definitions, then ask for the status of all."""
    report = Report(dagster.__version__, task.nodes)
    shapes = shape(task.nodes)
    with DagsterInstance.local_temp(str(folder)) as instance:
        made = report.once("load the definitions", "", lambda: definitions(shapes).resolve_asset_graph())
        print(dict(statuses(instance, made, task.nodes)))
        report.new_process("new process: status and causes of all assets", "status, shell, again", task.began)
        report.repeated("status and causes of all assets", "status, warm", lambda: statuses(instance, made, task.nodes))
    report.print()


def main() -> None:
    """Do one step."""
    task = read_task()
    folder = task.work / "dagster"
    folder.mkdir(exist_ok=True)
    (fill if task.step == "fill" else ask)(folder, task)


if __name__ == "__main__":
    main()
