"""What a collection found or did, shown to people and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soroi.base.display import Display, Shown


@dataclass(frozen=True, repr=False)
class Collected(Shown):
    """What nothing needs."""

    applied: bool
    """Whether it was removed; else it would be."""

    stored: int
    """How much is stored in all, before."""

    objects: Mapping[str, int] = field(default_factory=dict)
    """Bytes of what goes from the object store, by key."""

    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Versions that it belonged to, by project. Their records stay."""

    files: Mapping[str, int] = field(default_factory=dict)
    """Bytes of what goes from the folder of the store, by path."""

    @property
    def bytes(self) -> int:
        """How many bytes go in all."""
        return sum(self.objects.values()) + sum(self.files.values())

    def display(self) -> Display:
        """One row for each version that loses its bytes."""
        done = "Removed" if self.applied else "Would remove"
        many = sum(len(several) for several in self.versions.values())
        title = f"{done} {len(self.objects)} of {self.stored} objects and {len(self.files)} files, {size(self.bytes)}"
        rows = [[one, project] for project, several in self.versions.items() for one in several]
        notes = [] if self.applied or not self.bytes else ["soroi collect --apply removes them; records stay."]
        return Display(f"{title}: {many} versions", ("version", "project"), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "applied": self.applied,
            "stored": self.stored,
            "objects": dict(self.objects),
            "versions": {project: list(several) for project, several in self.versions.items()},
            "files": dict(self.files),
            "bytes": self.bytes,
        }


def size(count: float) -> str:
    """Bytes in their largest fitting unit, for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
