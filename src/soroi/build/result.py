"""What came of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from soroi.base.display import Display, Shown, short
from soroi.store import RunNodeRecord, VersionRecord


@dataclass(repr=False)
class RunResult(Shown):
    """What came of a run."""

    id: str
    """Id of the run."""

    nodes: dict[str, RunNodeRecord] = field(default_factory=dict)
    """What came of each visited node."""

    versions: dict[str, VersionRecord] = field(default_factory=dict)
    """The version of each visited node that was built or reused."""

    @property
    def failed(self) -> list[RunNodeRecord]:
        """The nodes that failed."""
        return [one for one in self.nodes.values() if one.status == "failed"]

    @property
    def ok(self) -> bool:
        """Whether every visited node has a version."""
        return all(one.status in ("built", "reused") for one in self.nodes.values())

    def display(self) -> Display:
        """One row for each visited node."""
        rows = [
            [one.node, one.status, short(one.version), f"{one.seconds:.1f} s" if one.seconds else "", one.reason or ""]
            for one in self.nodes.values()
        ]
        title = f"Run {self.id}: " + ("all built or reused" if self.ok else f"{len(self.failed)} failed")
        return Display(title, ("node", "", "version", "took", "note"), rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        body = {name: msgspec.to_builtins(one) for name, one in self.nodes.items()}
        return {"run": self.id, "ok": self.ok, "nodes": body}


def told(record: VersionRecord) -> str:
    """One line about a fresh version, for progress."""
    facts = record.facts
    for figure in facts.get("figures", ()):
        if figure["name"] in ("roc_auc", "recall") and figure["value"] is not None:
            return f"{figure['name']} {figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{facts['rows']:,} rows" if "rows" in facts else ""
