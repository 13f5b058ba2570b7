"""``soroi trace``: what stands behind an answer, a version or a release."""

from __future__ import annotations

from soroi.cli.common import Common, opened
from soroi.cli.output import show
from soroi.cli.reasons import reason_tree


def trace(text: str, *, common: Common | None = None) -> int:
    """From an answer, a version or a release to everything it rests on.

    Args:
        text: Id of an answer, a version or a manifest, or the beginning of one of the latter two.
    """
    common = common or Common()
    with opened(common) as project:
        from soroi.project.trace import trace as trace_of

        found = trace_of(project, text)
    show(common, found.to_dict(), reason_tree(found.reason.text, found.reason.because))
    return 0
