"""Tables of statuses and of versions, for notebooks and terminals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from soroi.base.display import Display, Shown, short
from soroi.build.status import NodeStatus
from soroi.store import VersionRecord


class StatusTable(Shown):
    """The status of the nodes of a project."""

    def __init__(self, nodes: Sequence[NodeStatus]) -> None:
        self.nodes = nodes

    def __iter__(self) -> Iterator[NodeStatus]:
        return iter(self.nodes)

    def __getitem__(self, node: str) -> NodeStatus:
        return {one.node: one for one in self.nodes}[node]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"nodes": [one.to_dict() for one in self.nodes]}

    def display(self) -> Display:
        """One row for each."""
        rows = [
            [
                one.node,
                one.kind.value,
                one.state.value,
                short(one.staged),
                short(one.live),
                str(one.candidates),
                one.reasons[0].text if one.reasons else "; ".join(one.notes),
            ]
            for one in self.nodes
        ]
        return Display("Status", ("node", "kind", "state", "staged", "live", "versions", "why"), rows)


class VersionTable(Shown):
    """Versions of a node."""

    def __init__(self, records: Sequence[VersionRecord]) -> None:
        self.records = records

    def __iter__(self) -> Iterator[VersionRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> VersionRecord:
        return self.records[index]

    def display(self) -> Display:
        """One row for each."""
        rows = [
            [one.id, f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, _overrides(one), figure_text(one)] for one in self.records
        ]
        return Display("Versions", ("version", "built", "by", "by choice", "figures"), rows)


def figure_text(record: VersionRecord) -> str:
    """The first figures of a version with their intervals, as one line."""
    figures = record.facts.get("figures", ())
    return ", ".join(
        f"{one['name']} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
        for one in figures[:2]
        if one["value"] is not None
    )


def _overrides(record: VersionRecord) -> str:
    return ", ".join(f"{name}={value}" for name, value in record.overrides.items())
