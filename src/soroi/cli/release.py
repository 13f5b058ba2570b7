"""``soroi release``: make the staged set live."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from soroi.base.errors import ConfigError
from soroi.cli.common import Common, opened
from soroi.cli.moved import moved_lines
from soroi.cli.output import show, styled


def release(
    environment: str = "production",
    *,
    reason: str = "",
    break_glass: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Make the staged set live: all of it, or none. Gates that have no verdict yet are judged. A server follows by
    itself.

    Args:
        environment: The head to move.
        reason: Why, in your words; kept in the history.
        break_glass: Override gates that do not hold, if you may; needs --reason, and stays visible for ever.
    """
    common = common or Common()
    if break_glass and not reason.strip():
        raise ConfigError("breaking the glass needs a reason", hint="--break-glass --reason 'why it cannot wait'")
    with opened(common) as project:
        done = project.release(environment, reason=reason, break_glass=break_glass)
    lines = moved_lines(done)
    if done.broken:
        lines.append(styled(f"The glass was broken. Overridden: {', '.join(done.broken)}.", "bold red"))
    show(common, done.to_dict(), *lines)
    return 0
