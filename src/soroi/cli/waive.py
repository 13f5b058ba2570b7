"""``soroi waive``: a person's signed word that a staged version may work with what it was not built against."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.output import show, styled


def waive(node: str, *, reason: str, common: Common | None = None) -> int:
    """Let a node that is behind pass, by your signed word. Manifests that rely on it name it.

    Args:
        node: The node that is behind.
        reason: Why these versions go together, for those who ask later.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.waive(node, reason=reason)
        outcome = project.stage()
    lines = [f"{one.id}: {one.a} may work with {one.b}, says {one.by}" for one in done.claims]
    sealed = f"Staging is in step by this word: {outcome.manifest.id}." if outcome.manifest else "Still behind: "
    rest = "" if outcome.manifest else ", ".join(outcome.report.behind)
    data = {**done.to_dict(), **outcome.report.to_dict(), "manifest": outcome.manifest.id if outcome.manifest else None}
    show(common, data, *lines, styled(sealed + rest, "bold yellow"))
    return 0
