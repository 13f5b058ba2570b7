"""Where a command's words go: what was asked for to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

from soroi.cli.common import Common

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

WIDTH = 116
"""Columns of text where there is no terminal that says how many it has."""

_HELD: ContextVar[list[object] | None] = ContextVar("held", default=None)
_ANSWERS: ContextVar[TextIO | None] = ContextVar("answers", default=None)


@contextlib.contextmanager
def guarded(json: bool) -> Iterator[None]:
    """Keep standard output for the one JSON document: what a project's own code prints goes to standard error.

    Args:
        json: Whether the command was asked for JSON.
    """
    token = _ANSWERS.set(sys.stdout)
    try:
        if json:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        else:
            yield
    finally:
        _ANSWERS.reset(token)


def hold() -> None:
    """Hold what is shown from now on: taking it apart takes long, and the process ends right after."""
    _HELD.set([])


def answers() -> TextIO:
    """Where the answer of the command goes."""
    return _ANSWERS.get() or sys.stdout


def console(stream: TextIO | None = None) -> Console:
    """A console that shows text as it is: brackets in it are no markup.

    Args:
        stream: Where it writes; default: :func:`answers`.
    """
    from rich.console import Console

    file = stream or answers()
    width = None if file.isatty() else WIDTH
    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)


def show(common: Common, data: Mapping[str, Any] | Callable[[], Mapping[str, Any]], *text: RenderableType) -> None:
    """Show the result of a command: as JSON when asked for, else as text.

    Args:
        common: The options of the command.
        data: The result as plain data, or what makes it when it is asked for.
        *text: The result for people, line by line.
    """
    if common.json:
        write_json(data() if callable(data) else data)
        return
    out = console()
    for one in text:
        out.print(one)


def remark(text: str | None) -> None:
    """Say something beside the result, on standard error; ``None``: nothing."""
    if text is not None:
        console(sys.stderr).print(text)


def write_json(data: Mapping[str, Any]) -> None:
    """Write one JSON document."""
    import msgspec

    held = _HELD.get()
    if held is not None:
        held.append(data)
    file = answers()
    file.write(msgspec.json.format(msgspec.json.encode(data, enc_hook=_plain), indent=2).decode() + "\n")
    file.flush()


def _plain(value: Any) -> Any:
    item: Callable[[], Any] | None = getattr(value, "item", None)  # a number of NumPy
    return item() if item is not None else str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[RenderableType]]) -> Table:
    """A plain table, without lines around it.

    Args:
        head: Names of the columns; the last one takes the room that is left.
        rows: Cells, row by row.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head[:-1]:
        made.add_column(name, no_wrap=True)
    made.add_column(head[-1], overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def styled(text: str, style: str) -> RenderableType:
    """Text in a style, such as ``bold`` or ``red``."""
    from rich.text import Text

    return Text(text, style=style)
