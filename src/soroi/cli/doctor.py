"""``soroi doctor``: what is wrong with this installation and this project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soroi.base.errors import SoroiError
from soroi.cli.common import Common
from soroi.cli.output import show, styled, table

if TYPE_CHECKING:
    from soroi.project.findings import Check

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def doctor(*, common: Common | None = None) -> int:
    """Find out what is wrong with this installation and this project. Ends with status 1 when something is."""
    common = common or Common()
    found = list(_look(common))
    failed = [check for check in found if check.outcome == "fail"]
    rows: list[list[Any]] = []
    for check in found:
        mark, style = _MARKS[check.outcome]
        remedy = f" ({check.remedy})" if check.remedy else ""
        rows.append([styled(mark, style), check.name, f"{check.seen}{remedy}"])
    verdict = (
        styled(f"{len(failed)} of {len(found)} checks failed.", "bold red")
        if failed
        else styled("All is well.", "bold green")
    )
    show(common, {"ok": not failed, "checks": [one.to_dict() for one in found]}, table(("", "", ""), rows), verdict)
    return 1 if failed else 0


def _look(common: Common) -> Iterator[Check]:
    from soroi.project.doctor import default_place, installation, project_checks
    from soroi.project.findings import Check

    yield from installation()
    try:
        place = default_place(common.project)
        if place is None:
            yield Check("project", "ok", "no soroi.toml here or above: only the installation was looked at")
            return
        from soroi.project import open_project

        with open_project(place) as project:
            yield Check("project", "ok", f"{project.config.name}: soroi.toml in {project.config.root} is understood")
            yield from project_checks(project)
    except SoroiError as error:
        yield Check("project", "fail", error.message, error.hint)
