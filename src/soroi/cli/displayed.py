"""Shows on a terminal what shows itself in notebooks."""

from __future__ import annotations

from typing import Any, Protocol

from soroi.base.display import Display
from soroi.cli.common import Common
from soroi.cli.output import show, styled, table


class Displayed(Protocol):
    """Something with rows for people and data for programs."""

    def display(self) -> Display:
        """Title, rows and notes."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        ...


def show_displayed(common: Common, found: Displayed, style: str = "bold") -> None:
    """Show something: as JSON when asked for, else as title, table and notes.

    Args:
        common: The options of the command.
        found: What is shown.
        style: Style of the title.
    """
    shown = found.display()
    body = [table(shown.head, shown.rows)] if shown.head and shown.rows else []
    show(common, found.to_dict, styled(shown.title, style), *body, *shown.notes)
