"""Rich display in notebooks, and plain text elsewhere, from the same rows."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

from soroi.build.status import NodeStatus
from soroi.store import VersionRecord


class Rich:
    """Something that shows itself as a titled table: HTML in notebooks, text in terminals."""

    def _repr_rows(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        raise NotImplementedError  # protocol: each table says what its rows are

    def _repr_html_(self) -> str:
        title, head, rows = self._repr_rows()
        cells = "".join(f"<th style='text-align:left'>{html.escape(one)}</th>" for one in head)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(str(c))}</td>" for c in row) + "</tr>"
            for row in rows
        )
        caption = f"<caption style='text-align:left'>{html.escape(title)}</caption>"
        return f"<table>{caption}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        title, head, rows = self._repr_rows()
        table = [list(head), *[[str(cell) for cell in row] for row in rows]]
        widths = [max(len(row[at]) for row in table) for at in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([title, *(line.rstrip() for line in lines)])


class StatusTable(Rich):
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

    def _repr_rows(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        rows = [
            [
                one.node,
                one.kind.value,
                one.state.value,
                _short(one.staged),
                _short(one.live),
                str(one.candidates),
                one.reasons[0].text if one.reasons else "; ".join(one.notes),
            ]
            for one in self.nodes
        ]
        return "Status", ("node", "kind", "state", "staged", "live", "versions", "why"), rows


class VersionTable(Rich):
    """Versions of a node."""

    def __init__(self, records: Sequence[VersionRecord]) -> None:
        self.records = records

    def __iter__(self) -> Iterator[VersionRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> VersionRecord:
        return self.records[index]

    def _repr_rows(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        rows = [
            [one.id, f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, _overrides(one), figure_text(one)] for one in self.records
        ]
        return "Versions", ("version", "built", "by", "by choice", "figures"), rows


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


def _short(version: str | None) -> str:
    return version.partition("@")[2] if version else "–"
