"""``soroi log``: what was live when, who moved it, and what changed between."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed


def log(
    *,
    at: str | None = None,
    between: Annotated[tuple[str, str] | None, Parameter(negative=())] = None,
    node: str | None = None,
    environment: str | None = None,
    limit: int = 50,
    common: Common | None = None,
) -> int:
    """Who made what live when, with which approvals; newest first.

    Args:
        at: Tell what was live at this moment, such as 2013-03-01 or 2013-03-01T06:00+00:00.
        between: Tell what changed between two moments.
        node: Only what concerns this node.
        environment: Only this environment; default: all but staging.
        limit: At most so many moves.
    """
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.log(at=at, between=between, environment=environment, node=node, limit=limit))
    return 0
