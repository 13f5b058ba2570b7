"""``soroi unused``: what nobody uses, whose it is, and what it cost."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.output import show, styled, table


def unused(*, since: str = "30d", common: Common | None = None) -> int:
    """List features, models, thresholds and decisions that were neither staged nor live, and what building them took.

    Args:
        since: How far back use counts, such as 30d; what was built within it is too young to tell.
    """
    common = common or Common()
    with opened(common) as project:
        found = project.unused(since)
    shown = found.display()
    rows = [list(row) for row in shown.rows]
    if not rows:
        show(common, found.to_dict, f"Everything older than {since} is used.")
        return 0
    show(common, found.to_dict, styled(shown.title, "bold"), table(shown.head, rows), *shown.notes)
    return 0
