"""What a check of the record found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.reason import Reason


@dataclass(frozen=True, repr=False)
class AuditReport(Shown):
    """What a check of the record found."""

    project: str
    """Name of the project."""

    length: int
    """Length of the history, as it is recorded."""

    head: str
    """Digest of its last event, as it is recorded."""

    checked: Mapping[str, int] = field(default_factory=dict)
    """How many of each were looked at."""

    problems: tuple[Reason, ...] = ()
    """What was changed, is missing, was added or changed places; each names the thing."""

    notes: tuple[Reason, ...] = ()
    """What could not be told, and why."""

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def display(self) -> Display:
        """What was found, one row each."""
        rows = [[one.kind, line] for one in self.problems for line in one.lines()]
        looked = ", ".join(f"{count} {name}" for name, count in self.checked.items())
        found = "whole" if self.whole else f"{len(self.problems)} found"
        title = f"The record of {self.project}: {found}"
        notes = [f"looked at: {looked}", f"event {self.length}: {self.head}", *(one.text for one in self.notes)]
        return Display(title, ("what", "where") if rows else (), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "project": self.project,
            "whole": self.whole,
            "length": self.length,
            "head": self.head,
            "checked": dict(self.checked),
            "problems": [one.to_dict() for one in self.problems],
            "notes": [one.to_dict() for one in self.notes],
        }
