"""``soroi doctor``: what is wrong with this installation and this project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soroi.base.errors import SoroiError
from soroi.cli.checks import Check, default_place, installation, project_checks
from soroi.cli.common import Common
from soroi.cli.output import show, styled, table

_MARKS = {"well": ("✓", "green"), "note": ("!", "yellow"), "wrong": ("✗", "bold red")}


def doctor(*, common: Common | None = None) -> int:
    """Find out what is wrong with this installation and this project. Ends with status 1 when something is."""
    common = common or Common()
    found = list(_look(common))
    wrong = [check for check in found if check.outcome == "wrong"]
    rows: list[list[Any]] = []
    for check in found:
        mark, style = _MARKS[check.outcome]
        hint = f" ({check.hint})" if check.hint else ""
        rows.append([styled(mark, style), check.name, f"{check.text}{hint}"])
    verdict = (
        styled(f"{len(wrong)} of {len(found)} checks found something wrong.", "bold red")
        if wrong
        else styled("All is well.", "bold green")
    )
    show(common, {"well": not wrong, "checks": [one.to_dict() for one in found]}, table(("", "", ""), rows), verdict)
    return 1 if wrong else 0


def _look(common: Common) -> Iterator[Check]:
    yield from installation()
    try:
        place = default_place(common.project)
        if place is None:
            yield Check("project", "note", "no soroi.toml here or above: only the installation was looked at")
            return
        from soroi.project import open_project

        with open_project(place) as project:
            yield Check("project", "well", f"{project.config.name} in {project.config.root}")
            yield from project_checks(project)
    except SoroiError as error:
        yield Check("project", "wrong", error.message, error.hint)
