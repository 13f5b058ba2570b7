"""``soroi collect``: removes the bytes of what nothing needs."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.output import console, show, styled, table


def collect(
    *,
    apply: Annotated[bool, Parameter(negative=())] = False,
    explain: str | None = None,
    common: Common | None = None,
) -> int:
    """Show what nothing needs: by how long [retention] in soroi.toml keeps things. With --apply, remove it.

    Records stay, and tell what was removed, when, and by whom. May be stopped and run again, beside everything else.

    Args:
        apply: Remove it.
        explain: Id of a version: tell why it stays, or that it goes. Changes nothing.
    """
    common = common or Common()
    with opened(common) as project:
        if explain is not None:
            reason = project.why_kept(explain)
            show(common, {"why": reason.to_dict()}, *reason.lines())
            return 0
        found = project.collect(apply=apply, progress=_progress)
    shown = found.display()
    rows = [list(row) for row in shown.rows]
    show(common, found.to_dict, styled(shown.title, "bold"), *([table(shown.head, rows)] if rows else []), *shown.notes)
    return 0


def _progress(what: str, done: int, total: int) -> None:
    if what == "removing":
        console(sys.stderr).print(styled(f"{what}: {done} of {total}", "dim"))
