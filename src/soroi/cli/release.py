"""``soroi release``: make the staged set live."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.moved import moved_lines
from soroi.cli.output import show


def release(environment: str = "production", *, reason: str = "", common: Common | None = None) -> int:
    """Make the staged set live: all of it, or none. A server follows by itself.

    Args:
        environment: The head to move.
        reason: Why, in your words; kept in the history.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.release(environment, reason=reason)
    show(common, done.to_dict(), *moved_lines(done))
    return 0
