"""Where a build takes what it does not build itself: staging, then production, then it must be built first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from soroi.declare.graph import Graph
from soroi.store import Transaction
from soroi.store.records import VersionRecord

PRODUCTION = "production"
_NEVER = datetime.min.replace(tzinfo=UTC)


class References:
    """The versions that staging and production hold, and the data they rest on."""

    def __init__(self, staged: dict[str, VersionRecord], live: dict[str, VersionRecord], known: VersionIndex) -> None:
        self.staged = staged
        self.live = live
        self.known = known
        self._staged_data = known.resting_data(staged.values())
        self._live_data = known.resting_data(live.values())

    def find(self, name: str) -> VersionRecord | None:
        """The version of a node that a build takes: the staged one, else the live one, else ``None``.

        For data that is the newest among the versions that the staged (live) ones rest on.
        """
        for picks, data in ((self.staged, self._staged_data), (self.live, self._live_data)):
            if name in picks:
                return picks[name]
            if name in data:
                return data[name]
        return None


class VersionIndex:
    """Version records read so far, and the ways between them."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._records: dict[str, VersionRecord] = {}

    def get(self, version: str) -> VersionRecord:
        """A record by the id of its version."""
        if version not in self._records:
            self._records[version] = self._tx.versions.get(version)
        return self._records[version]

    def ancestry(self, records: Iterable[VersionRecord]) -> dict[str, VersionRecord]:
        """The versions and all that they rest on, by version id."""
        found: dict[str, VersionRecord] = {}
        waiting = list(records)
        while waiting:
            one = waiting.pop()
            if one.id not in found:
                found[one.id] = one
                self._records[one.id] = one
                waiting.extend(self.get(edge.producer) for edge in one.edges)
        return found

    def resting_data(self, records: Iterable[VersionRecord]) -> dict[str, VersionRecord]:
        """For each source and dataset, the newest version that some of the records rest on, by node."""
        newest: dict[str, VersionRecord] = {}
        for one in self.ancestry(records).values():
            if one.kind in ("source", "dataset") and _newer(one, newest.get(one.node)):
                newest[one.node] = one
        return newest


def _newer(one: VersionRecord, other: VersionRecord | None) -> bool:
    if other is None:
        return True
    return (one.watermark or _NEVER, one.at) > (other.watermark or _NEVER, other.at)


def read_references(tx: Transaction, graph: Graph) -> References:
    """Read what staging and production hold.

    Args:
        tx: A transaction that reads.
        graph: The declarations; picks of nodes that are no longer declared are left out.
    """
    index = VersionIndex(tx)
    staged = {node: index.get(pick.version) for node, pick in tx.staging.get().picks.items() if node in graph}
    head = tx.heads.get(PRODUCTION)
    picks: dict[str, str] = tx.manifests.get(head.manifest).body["picks"] if head else {}
    live = {node: index.get(version) for node, version in picks.items() if node in graph}
    return References(staged, live, index)
