"""``soroi rollback``: go back to an earlier release."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.moved import moved_lines
from soroi.cli.output import show


def rollback(
    environment: str = "production", *, to: str | None = None, reason: str = "", common: Common | None = None
) -> int:
    """Go back to an earlier release. A server follows by itself.

    Args:
        environment: The head to move.
        to: Beginning of the id of the release to go to; default: the one before.
        reason: Why, in your words; kept in the history.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.rollback(environment, to=to, reason=reason)
    show(common, done.to_dict(), *moved_lines(done))
    return 0
