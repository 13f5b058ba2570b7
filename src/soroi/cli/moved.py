"""What came of a release or a rollback, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soroi.cli.output import styled

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.release import ReleaseOutcome


def moved_lines(done: ReleaseOutcome) -> list[RenderableType]:
    """What came of it."""
    head = done.head
    if not done.moved:
        since = f"since {head.moved_at:%Y-%m-%d %H:%M} UTC"
        return [f"{head.environment} answers with {head.manifest} already, {since}; nothing was changed."]
    gates = ", ".join(f"{one.gate}: {one.outcome}" for one in done.verdicts)
    before = f"instead of {done.before}" if done.before else "for the first time"
    return [
        styled(f"{head.environment} answers with {head.manifest} from now on, {before}.", "bold green"),
        f"Revision {head.revision}; {gates}.",
    ]
