"""Where a build takes what it does not build itself: staging, then production, then it must be built first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from soroi.declare.graph import Graph
from soroi.store import StagingState, Transaction, VersionHead, VersionRecord

PRODUCTION = "production"
_SETS = 8
_RECORDS = 2000
_HEADS = 60_000
_EACH = 4  # of a node, as staged, as live and as it was before each
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Remembered:
    """What was read of versions, for as long as a store is open: versions never change."""

    heads: dict[str, VersionHead] = field(default_factory=dict)
    """Heads, by id."""

    sources: dict[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the source versions that each version rests on."""

    records: dict[str, VersionRecord] = field(default_factory=dict)
    """Some whole records, by id."""

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The facts of some versions, by id."""

    resting: dict[frozenset[str], dict[str, VersionHead]] = field(default_factory=dict)
    """For some sets of versions, the newest of each node that they rest on."""

    nodes: int = 0
    """How many nodes the graph has: what one look at all of them needs is not too much."""

    def limit(self) -> None:
        """Forget what is too much. Whoever reads at this moment, in another thread, keeps what they hold."""
        if len(self.heads) > max(_HEADS, _EACH * self.nodes):
            self.heads, self.sources, self.resting = {}, {}, {}
        if len(self.records) > max(_RECORDS, self.nodes):
            self.records = {}
        if len(self.facts) > max(_RECORDS, self.nodes):
            self.facts = {}


class VersionIndex:
    """Versions read so far, and the ways between them. Reads many at a time, and none twice.

    Args:
        tx: A transaction that reads.
        remembered: What earlier transactions on the same project read. Default: nothing.
    """

    def __init__(self, tx: Transaction, remembered: Remembered | None = None) -> None:
        self._tx = tx
        self._remembered = remembered or Remembered()
        self._remembered.limit()
        self._heads = self._remembered.heads
        self._sources = self._remembered.sources
        self._records = self._remembered.records
        self._facts = self._remembered.facts

    def load(self, ids: Iterable[str]) -> None:
        """Read versions and all that they rest on, at once."""
        missing = [one for one in ids if one not in self._heads]
        if missing:
            self._heads |= self._tx.versions.closure(missing)

    def head(self, version: str) -> VersionHead:
        """The head of a version, by its id.

        Raises:
            UnknownNameError: There is no such version.
        """
        if version not in self._heads:
            self.load([version])
            if version not in self._heads:
                self._tx.versions.get(version)
        return self._heads[version]

    def get(self, version: str) -> VersionRecord:
        """The whole record of a version, by its id.

        Raises:
            UnknownNameError: There is no such version.
        """
        if version not in self._records:
            self._records[version] = self._tx.versions.get(version)
        return self._records[version]

    def get_many(self, versions: Iterable[str]) -> dict[str, VersionRecord]:
        """The whole records of some versions, by id."""
        wanted = list(versions)
        self._records |= self._tx.versions.get_many(one for one in wanted if one not in self._records)
        return {one: self._records[one] for one in wanted}

    def facts(self, versions: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The facts of some versions, by id: quicker than their whole records.

        Raises:
            UnknownNameError: There is no such version.
        """
        wanted = list(versions)
        self._facts |= self._tx.versions.facts(one for one in wanted if one not in self._facts)
        return {one: self._facts[one] if one in self._facts else self.get(one).facts for one in wanted}

    def built_as(self, definitions: Iterable[str]) -> dict[str, list[VersionHead]]:
        """The versions with some definitions, by node, newest first."""
        return self._tx.versions.built_as(definitions)

    def newest_built_as(self, definitions: Iterable[str]) -> dict[str, VersionHead]:
        """The newest version of each node with one of some definitions, by node."""
        return self._tx.versions.newest_built_as(definitions)

    def newest(self, nodes: Iterable[str]) -> dict[str, VersionHead]:
        """The newest version of each of some nodes, by node."""
        return self._tx.versions.newest(nodes)

    def sources(self, version: str) -> frozenset[str]:
        """Ids of the source versions that a version rests on."""
        waiting = [version]
        while waiting:
            one = waiting[-1]
            if one in self._sources:
                waiting.pop()
                continue
            head = self.head(one)
            producers = [edge.producer for edge in head.edges]
            unknown = [producer for producer in producers if producer not in self._sources]
            if unknown:
                waiting.extend(unknown)
                continue
            own = frozenset([one]) if head.kind == "source" else frozenset()
            self._sources[one] = own.union(*(self._sources[producer] for producer in producers))
            waiting.pop()
        return self._sources[version]

    @property
    def ids(self) -> list[str]:
        """Ids of the versions whose heads were read."""
        return list(self._heads)

    def there(self, versions: Iterable[str]) -> dict[str, VersionHead]:
        """The heads of those of some versions that are in the catalogue, by id."""
        wanted = list(versions)
        self.load(wanted)
        return {one: self._heads[one] for one in wanted if one in self._heads}

    def resting_data(self, versions: Iterable[str]) -> dict[str, VersionHead]:
        """For each source and dataset, the newest version that some versions rest on, by node."""
        return {node: one for node, one in self.resting(versions).items() if one.kind in ("source", "dataset")}

    def resting(self, versions: Iterable[str]) -> dict[str, VersionHead]:
        """For each node, the newest version among some versions and all that they rest on, by node."""
        waiting = list(versions)
        wanted = frozenset(waiting)
        if wanted in self._remembered.resting:
            return dict(self._remembered.resting[wanted])
        newest: dict[str, VersionHead] = {}
        seen: set[str] = set()
        self.load(waiting)
        heads = self._heads
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            head = heads.get(one) or self.head(one)
            if _newer(head, newest.get(head.node)):
                newest[head.node] = head
            waiting += [edge.producer for edge in head.edges if edge.producer not in seen]
        while len(self._remembered.resting) >= _SETS:
            self._remembered.resting.pop(next(iter(self._remembered.resting)))
        self._remembered.resting[wanted] = newest
        return dict(newest)


class References:
    """The versions that staging and production hold, and the data they rest on."""

    def __init__(
        self,
        staging: StagingState,
        staged: Mapping[str, VersionHead],
        live: Mapping[str, VersionHead],
        known: VersionIndex,
    ) -> None:
        self.staging = staging
        """The set being gathered, as it was read."""
        self.staged = staged
        """The staged version of each node."""
        self.live = live
        """The live version of each node."""
        self.known = known
        """Access to versions."""
        self._staged_data = known.resting_data(one.id for one in staged.values())

    @cached_property
    def _live_data(self) -> dict[str, VersionHead]:
        """Asked only for what staging does not hold."""
        return self.known.resting_data(one.id for one in self.live.values())

    def find(self, name: str) -> VersionHead | None:
        """The version of a node that a build takes: the staged one, else the live one, else ``None``.

        For data that is the newest among the versions that the staged (live) ones rest on.
        """
        found = self.staged.get(name) or self._staged_data.get(name) or self.live.get(name)
        return found or self._live_data.get(name)


def _newer(one: VersionHead, other: VersionHead | None) -> bool:
    if other is None:
        return True
    return (one.watermark or _NEVER, one.at) > (other.watermark or _NEVER, other.at)


def read_references(tx: Transaction, graph: Graph, remembered: Remembered | None = None) -> References:
    """Read what staging and production hold.

    Args:
        tx: A transaction that reads.
        graph: The declarations; picks of nodes that are no longer declared are left out.
        remembered: What earlier transactions on the same project read.
    """
    index = VersionIndex(tx, remembered)
    state = tx.staging.get()
    picked = {node: pick.version for node, pick in state.picks.items() if node in graph}
    head = tx.heads.get(PRODUCTION)
    picks: dict[str, str] = tx.manifests.get(head.manifest).body["picks"] if head else {}
    released = {node: version for node, version in picks.items() if node in graph}
    index.load({*picked.values(), *released.values()})
    staged = {node: index.head(version) for node, version in picked.items()}
    live = {node: index.head(version) for node, version in released.items()}
    return References(state, staged, live, index)
