"""``soroi hold``: what must not be removed, by somebody's word."""

from __future__ import annotations

from typing import Literal

import msgspec

from soroi.base.errors import ConfigError
from soroi.cli.common import Common, opened
from soroi.cli.output import show, table


def hold(
    action: Literal["add", "list", "release"],
    subject: str | None = None,
    /,
    *,
    reason: str = "",
    common: Common | None = None,
) -> int:
    """Keep a version, manifest, run or node, with all that it rests on, whatever [retention] says.

    Args:
        action: What to do: add, list or release.
        subject: What to hold; or the id of the hold to release.
        reason: Why, for those who ask later.
    """
    common = common or Common()
    if action != "list" and subject is None:
        raise ConfigError(f"what to {action} was not said", hint=f"soroi hold {action} ID")
    with opened(common) as project:
        if action == "list" or subject is None:
            holds = project.holds()
            rows = [[one.id, one.subject, one.by, f"{one.at:%Y-%m-%d}", one.reason] for one in holds]
            text = table(("hold", "subject", "by", "since", "reason"), rows) if rows else "Nothing is held."
            show(common, {"holds": [msgspec.to_builtins(one) for one in holds]}, text)
        elif action == "add":
            made = project.hold(subject, reason=reason)
            show(common, msgspec.to_builtins(made), f"{made.id}: {made.subject} stays until this is released.")
        else:
            ended = project.release_hold(subject)
            show(common, msgspec.to_builtins(ended), f"{ended.id} of {ended.subject} has ended.")
    return 0
