"""``soroi init``: make a project from a template."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from soroi.cli.common import Common
from soroi.cli.output import show
from soroi.demo.template import make_project

NEXT = ("soroi build", "soroi stage --all", "soroi release", "soroi serve")
"""What one does with a fresh project."""


def init(name: str, *, template: Literal["flights", "blank"] = "blank", common: Common | None = None) -> int:
    """Make a project from a template, in a folder of its own.

    Args:
        name: Folder to make; its last part names the project.
        template: flights: two decisions on real data, with drift and late outcomes. blank: one decision, to be
            replaced by yours.
    """
    common = common or Common()
    folder = make_project(_place(name, common), template)
    commands = [f"cd {name}", *NEXT]
    data = {"folder": str(folder), "name": folder.name, "template": template, "next": commands}
    show(common, data, f"Made {folder} from the template '{template}'. Next:", *(f"  {one}" for one in commands))
    return 0


def _place(name: str, common: Common) -> Path:
    return (common.project or Path()) / name
