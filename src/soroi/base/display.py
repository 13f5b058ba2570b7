"""Things that show themselves as a titled table: HTML in notebooks, text elsewhere, from the same rows."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_LEFT = "style='text-align:left'"


@dataclass(frozen=True, slots=True)
class Display:
    """A titled table of text."""

    title: str
    """What it is about, in one line."""

    head: Sequence[str] = ()
    """Names of the columns."""

    rows: Sequence[Sequence[str]] = ()
    """Cells, row by row."""

    notes: Sequence[str] = ()
    """Lines below the table."""

    def text(self) -> str:
        """As aligned lines."""
        table = [list(self.head), *[[str(cell) for cell in row] for row in self.rows]] if self.head else []
        widths = [max(len(row[at]) for row in table) for at in range(len(self.head))] if table else []
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([self.title, *(line.rstrip() for line in lines), *self.notes])

    def html(self) -> str:
        """As an HTML table; everything in it is escaped."""
        cells = "".join(f"<th {_LEFT}>{html.escape(one)}</th>" for one in self.head)
        rows = ("".join(f"<td {_LEFT}>{html.escape(str(cell))}</td>" for cell in row) for row in self.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption {_LEFT}>{html.escape(self.title)}</caption>"
        below = "".join(f"<div>{html.escape(one)}</div>" for one in self.notes)
        return f"<table>{caption}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{below}"


class Shown:
    """Something that says how it is shown. A dataclass needs ``repr=False`` beside it."""

    def display(self) -> Display:
        """How it is shown."""
        raise NotImplementedError  # protocol: each subclass says what its rows are

    def _repr_html_(self) -> str:
        return self.display().html()

    def __repr__(self) -> str:
        return self.display().text()


def short(version: str | None) -> str:
    """The part of a version id behind the node's name, for tables that name the node already."""
    return version.partition("@")[2] if version else "–"
