"""Dagster's asset staleness: the status of every asset against its recorded materialisations, in SQLite.

One materialisation of each asset is recorded, with the tags a run would leave; the resolver looks at the latest only.
Then the code version of every twentieth asset is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster
from common import arguments, repeated, report, shape, timed
from dagster import AssetKey, AssetMaterialization, AssetsDefinition, DagsterInstance, Definitions, asset
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.event_log.base import AssetRecord


def key(place: int) -> str:
    """Name of an asset."""
    return f"asset_{place:06d}"


def make_asset(place: int, producers: Sequence[int], code_version: str) -> AssetsDefinition:
    """One asset of a code version."""

    @asset(name=key(place), deps=[key(one) for one in producers], code_version=code_version)
    def made() -> None:
        """Never run here."""

    return made


def definitions(graph: Sequence[Sequence[int]], *, edited: bool) -> Definitions:
    """All assets; ``edited`` changes every twentieth."""
    made = [make_asset(at, above, "2" if edited and at % 20 == 7 else "1") for at, above in enumerate(graph)]
    return Definitions(assets=made)


def record(instance: DagsterInstance, graph: Sequence[Sequence[int]]) -> None:
    """Record that every asset was made from its producers as they are."""
    for place, producers in enumerate(graph):
        tags = {"dagster/data_version": f"d{place}", "dagster/code_version": "1"}
        for one in producers:
            tags[f"dagster/input_data_version/{key(one)}"] = f"d{one}"
            tags[f"dagster/input_event_pointer/{key(one)}"] = str(one + 1)
        instance.report_runless_asset_event(AssetMaterialization(asset_key=key(place), tags=tags))


def ask(instance: DagsterInstance, graph: Any, nodes: int) -> Counter[str]:
    """The status of every asset, with a resolver of its own as for each request."""
    context = LoadingContextForTest(instance)
    keys = [AssetKey(key(place)) for place in range(nodes)]
    AssetRecord.prepare(context, keys)  # one query for all, as its web server asks
    resolver = CachingStaleStatusResolver(instance, graph, context)
    found: Counter[str] = Counter()
    for asset_key in keys:
        status = resolver.get_status(asset_key)
        resolver.get_stale_causes(asset_key)
        found[str(status.value)] += 1
    return found


def main() -> None:
    """Record, then ask."""
    options = arguments(__doc__ or "")
    graph = shape(options.nodes)
    folder = options.work / f"dagster-{options.nodes}"
    folder.mkdir()
    with DagsterInstance.local_temp(str(folder)) as instance:
        setup, _ = timed(lambda: record(instance, graph))
        load, made = timed(lambda: definitions(graph, edited=True).resolve_asset_graph())
        first, found = timed(lambda: ask(instance, made, options.nodes))
        print(dict(found))
        report(
            version=dagster.__version__,
            setup=setup,
            nodes=options.nodes,
            versions=options.nodes,
            figures={
                "load the definitions": load,
                "status and causes of all assets, first": first,
                "status and causes of all assets, again": repeated(lambda: ask(instance, made, options.nodes)),
            },
            status="status and causes of all assets, again",
        )


if __name__ == "__main__":
    main()
