"""The teller: says what happened, in a sentence or two, with a small table where figures belong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


class Teller:
    """Tells the story on a console.

    Args:
        out: Where.
    """

    def __init__(self, out: Console) -> None:
        self._out = out
        self._number = 0

    def chapter(self, title: str, *, again: bool) -> None:
        """Begin a chapter.

        Args:
            title: What it is about.
            again: Whether it was done in an earlier run, and is only told.
        """
        self._number += 1
        mark = "  (done before; nothing of it changed)" if again else ""
        self._out.print()
        self._out.print(f"{self._number}. {title}{mark}", style="bold cyan")

    def say(self, text: str) -> None:
        """A paragraph."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH):
            self._out.print(f"   {line}")

    def command(self, text: str) -> None:
        """The command that a reader would give for what happens now."""
        self._out.print(f"   $ {text}", style="dim")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A small table."""
        from rich.padding import Padding
        from rich.table import Table

        made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
        for name in head:
            made.add_column(name)
        for row in rows:
            made.add_row(*row)
        self._out.print(Padding(made, (0, 0, 0, 5)))

    def lines(self, lines: Sequence[str]) -> None:
        """Lines as they are."""
        for line in lines:
            self._out.print(f"     {line}", style="dim", soft_wrap=True)

    def end(self, text: str) -> None:
        """Begin the last paragraph, after the chapters."""
        self._out.print()
        self._out.print(text, style="bold")

    def progress(self, text: str) -> None:
        """A word about long work that goes on."""
        self._out.print(f"     … {text}", style="dim")
