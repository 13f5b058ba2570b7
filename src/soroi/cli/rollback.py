"""``soroi rollback``: go back to an earlier release."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.moved import moved_lines
from soroi.cli.output import show


def rollback(
    environment: str = "production",
    *,
    to: str | None = None,
    reason: str = "",
    rehearse: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Go back to an earlier release. A server follows by itself.

    Args:
        environment: The head to move.
        to: Beginning of the id of the release to go to; default: the one before.
        reason: Why, in your words; kept in the history.
        rehearse: Do all but the move: load and answer in a fresh process, and say how long it took.
    """
    common = common or Common()
    with opened(common) as project:
        if rehearse:
            tried = project.rehearse(environment, to=to)
            show_displayed(common, tried, "bold green" if tried.passed else "bold red")
            return 0 if tried.passed else 3
        done = project.rollback(environment, to=to, reason=reason)
    show(common, done.to_dict(), *moved_lines(done))
    return 0
