"""Lists of records that show themselves as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from soroi.base.display import Display, Shown

Record = TypeVar("Record")


@dataclass(frozen=True, repr=False)
class Listing(Shown, Generic[Record]):
    """Records of one kind, oldest first."""

    name: str
    """What they are, as one word: ``keys``."""

    head: tuple[str, ...]
    """Names of the columns."""

    records: tuple[Record, ...]
    """The records."""

    row: Callable[[Record], Sequence[str]]
    """The cells of one."""

    notes: tuple[str, ...] = ()
    """What is to be said of all of them."""

    hidden: frozenset[str] = frozenset()
    """Fields that are not shown."""

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, place: int) -> Record:
        return self.records[place]

    def display(self) -> Display:
        """One row for each."""
        rows = [list(self.row(one)) for one in self.records]
        title = self.name.capitalize() if rows else f"No {self.name}"
        return Display(title, self.head if rows else (), rows, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {self.name: [self._data(one) for one in self.records], "notes": list(self.notes)}

    def _data(self, one: Any) -> dict[str, Any]:
        if hasattr(one, "to_dict"):
            return dict(one.to_dict())
        data = msgspec.to_builtins(one)
        return {name: value for name, value in data.items() if name not in self.hidden}


def when(at: datetime | None) -> str:
    """A moment for a cell; empty when there is none."""
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else ""
