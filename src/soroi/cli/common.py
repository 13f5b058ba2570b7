"""What all commands share: their options, and the way to the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from soroi.project import Project

_GROUP = Group("Every command", sort_key=100)


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """The options of every command."""

    project: Annotated[Path | None, Parameter(name=["--project", "-p"], group=_GROUP)] = None
    """Folder of the project; without it, the working directory or the nearest above that has a soroi.toml."""

    json: Annotated[bool, Parameter(negative=(), group=_GROUP)] = False
    """Print one JSON document, and nothing else, to standard output."""

    traceback: Annotated[bool, Parameter(negative=(), group=_GROUP)] = False
    """Show where in the code an error was raised. Also with SOROI_TRACEBACK=1."""


@contextmanager
def opened(common: Common) -> Iterator[Project]:
    """The project that a command is about, for as long as the block runs.

    Raises:
        ConfigError: There is no ``soroi.toml``, or it is wrong.
    """
    from soroi.project import open_project

    with open_project(common.project) as project:
        yield project
