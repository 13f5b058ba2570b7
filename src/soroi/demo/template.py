"""Templates: folders that become projects."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from soroi.base.errors import ConfigError, RefusedError, UnknownNameError, did_you_mean
from soroi.demo.sample import write_sample

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
"""Where they are."""

IGNORED = ".soroi/\n__pycache__/\n"
"""What a project keeps out of version control: its store."""

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
_NAMED = re.compile(r'^name\s*=\s*".*"$', re.MULTILINE)


def templates() -> list[str]:
    """Names of the templates."""
    return sorted(one.parent.name for one in TEMPLATES.glob("*/soroi.toml"))


def make_project(folder: Path, template: str) -> Path:
    """Make a project from a template; all of it, or nothing.

    Args:
        folder: Where; must not be there, or be empty. Its name becomes the project's.
        template: Name of the template.

    Returns:
        The folder, absolute.

    Raises:
        UnknownNameError: There is no such template.
        ConfigError: The folder's name cannot name a project.
        RefusedError: Something is there already; nothing is overwritten.
    """
    if template not in templates():
        raise UnknownNameError(f"there is no template '{template}'", hint=did_you_mean(template, templates()))
    folder = folder.absolute()
    if not _NAME.match(folder.name):
        raise ConfigError(
            f"'{folder.name}' cannot name a project", hint="letters, digits, _ and -, beginning with a letter"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there already; nothing was changed", hint="name another folder")
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fill(fresh, template, folder.name)
        if folder.exists():
            folder.rmdir()
        fresh.replace(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return folder


def _fill(folder: Path, template: str, name: str) -> None:
    shutil.copytree(TEMPLATES / template, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "data"))
    config = folder / "soroi.toml"
    config.write_text(_NAMED.sub(f'name = "{name}"', config.read_text("utf-8"), count=1), "utf-8")
    (folder / ".gitignore").write_text(IGNORED, "utf-8")
    if template == "blank":
        write_sample(folder / "data")
