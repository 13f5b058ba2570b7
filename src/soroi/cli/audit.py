"""``soroi audit``: is the record what was recorded?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import show

if TYPE_CHECKING:
    from soroi.govern import AuditReport

audit = App(name="audit", help="Is the record what was recorded? What is not is named.")
"""The commands on the record."""


@audit.command
def verify(*, common: Common | None = None) -> int:
    """Check the whole record: history, releases, heads, verdicts, approvals, keys, roles. Status 1 when it is wrong."""
    common = common or Common()
    with opened(common) as project:
        return _told(common, project.audit.verify())


@audit.command
def export(file: Path, *, common: Common | None = None) -> int:
    """Write the history to a file, its head signed with your key. Keep it where nobody can change it.

    Args:
        file: The file to write; it must not be there.
    """
    common = common or Common()
    with opened(common) as project:
        head = project.audit.export(file)
    show(
        common,
        {"file": str(file), **head},
        f"{head['length']} events in {file}, signed by {head['by']}.",
        head["digest"],
    )
    return 0


@audit.command
def check(file: Path, *, key: str | None = None, common: Common | None = None) -> int:
    """Hold the catalogue against an exported history: finds a tail cut off, too. Status 1 when something is wrong.

    Args:
        file: The exported file.
        key: Public key that must have signed it; default: one that is registered in the catalogue.
    """
    common = common or Common()
    with opened(common) as project:
        return _told(common, project.audit.check(file, key=key))


def _told(common: Common, found: AuditReport) -> int:
    show_displayed(common, found, "bold green" if found.whole else "bold red")
    return 0 if found.whole else 1
