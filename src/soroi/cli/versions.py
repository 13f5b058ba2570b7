"""``soroi versions``: find versions by what is recorded of them."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed


def versions(
    node: str | None = None,
    *,
    kind: str | None = None,
    by: str | None = None,
    run: str | None = None,
    since: str | None = None,
    until: str | None = None,
    digest: str | None = None,
    recipe: str | None = None,
    definition: str | None = None,
    output: str | None = None,
    behind: str | None = None,
    limit: int = 100,
    common: Common | None = None,
) -> int:
    """Find versions by what is recorded of them, newest first. What is given must all hold.

    Args:
        node: Id of the node; also one that is no longer declared.
        kind: Kind of the node, such as model.
        by: Who built it.
        run: Id of the run that built it, or the beginning of it.
        since: Only those built at this moment or later: 2013-03-01, or with the time, 2013-03-01T06:00.
        until: Only those built before this moment.
        digest: Its whole digest.
        recipe: Digest of what it was built from.
        definition: Digest of its behaviour.
        output: Digest of what came out: who has equal output.
        behind: Only what was built before this version: the next page behind it.
        limit: At most so many.
    """
    common = common or Common()
    with opened(common) as project:
        found = project.find(
            node=node,
            kind=kind,
            by=by,
            run=run,
            since=since,
            until=until,
            digest=digest,
            recipe=recipe,
            definition=definition,
            output=output,
            behind=behind,
            limit=limit,
        )
    show_displayed(common, found)
    return 0
