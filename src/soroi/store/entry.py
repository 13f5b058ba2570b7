"""What a list of the object store tells of one thing in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Something stored."""

    key: str
    """Its key, such as ``objects/ab/abcdef…``."""

    size: int
    """Its bytes."""

    modified: datetime
    """When it was written, by the clock of the store."""

    @property
    def folder(self) -> str:
        """The first part of its key: ``objects``, ``tables`` or ``contents``."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The last part of its key: a digest."""
        return self.key.rsplit("/", 1)[-1]
