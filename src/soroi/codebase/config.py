"""``soroi.toml``: what a project is called, where its declarations are, where it keeps things."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soroi.base.errors import ConfigError, did_you_mean
from soroi.declare.node import NAME

FILE = "soroi.toml"
_KNOWN: dict[str, set[str]] = {
    "project": {"name", "module", "description"},
    "store": {"path", "catalogue", "objects"},
    "build": {"workers"},
}


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What ``soroi.toml`` says."""

    root: Path
    """Folder of the project, absolute."""

    name: str
    """Name of the project."""

    module: str
    """Module with the declarations, beside ``soroi.toml``."""

    store: Path
    """Folder of the embedded store, absolute."""

    catalogue: str | None = None
    """SQLAlchemy address of a shared catalogue; ``None``: SQLite in the store's folder."""

    objects: str | None = None
    """Address of a shared object store; ``None``: the store's folder."""

    workers: int | None = None
    """Number of processes that build; ``None``: the number of cores."""


def find_project(start: Path | str | None = None) -> Path:
    """The nearest folder, from ``start`` upwards, that holds a ``soroi.toml``.

    Args:
        start: Where to begin; default: the working directory.

    Raises:
        ConfigError: There is none.
    """
    begin = Path(start) if start is not None else Path.cwd()
    here = begin.resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(
        f"no {FILE} in {begin} or above it",
        hint="go to a project's folder, or make one: soroi init NAME --template flights",
    )


def read_config(root: Path) -> ProjectConfig:
    """Read and check the ``soroi.toml`` of a project.

    Args:
        root: Folder of the project.

    Raises:
        ConfigError: It is not valid TOML, or says something unknown or of the wrong type; names the entry.
    """
    path = root / FILE
    try:
        body = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there", hint="soroi init NAME makes a project") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", where=str(path)) from None
    _check_known(body, path)
    project = body.get("project", {})
    store = body.get("store", {})
    name = _text(project, "name", path, root.name)
    if not NAME.match(name.replace("-", "_")):
        raise ConfigError(
            f"'{name}' cannot name a project",
            hint="letters, digits, _ and -, beginning with a letter",
            where=str(path),
        )
    module = _text(project, "module", path, "project")
    if not (root / f"{module}.py").is_file() and not (root / module / "__init__.py").is_file():
        raise ConfigError(
            f"the module '{module}' that {FILE} names is neither {module}.py nor {module}/__init__.py in {root}",
            hint="set module under [project] to the file with the declarations",
            where=str(path),
        )
    workers = body.get("build", {}).get("workers")
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise ConfigError(
            f"build.workers = {workers!r} is not a positive whole number",
            hint="how many processes build at once; leave it out for one per core",
            where=str(path),
        )
    return ProjectConfig(
        root=root.resolve(),
        name=name,
        module=module,
        store=(root / _text(store, "path", path, ".soroi")).resolve(),
        catalogue=_text(store, "catalogue", path, None),
        objects=_text(store, "objects", path, None),
        workers=workers,
    )


def _check_known(body: Mapping[str, Any], path: Path) -> None:
    for section, entries in body.items():
        if section not in _KNOWN or not isinstance(entries, dict):
            raise ConfigError(
                f"[{section}] is not a section of {FILE}", hint=did_you_mean(section, _KNOWN), where=str(path)
            )
        for entry in entries:
            if entry not in _KNOWN[section]:
                raise ConfigError(
                    f"'{entry}' is not an entry of [{section}]",
                    hint=did_you_mean(entry, _KNOWN[section]),
                    where=str(path),
                )


def _text(section: Mapping[str, Any], entry: str, path: Path, default: Any) -> Any:
    value = section.get(entry, default)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"'{entry}' must be a text, not {value!r}", hint="put it in quotes", where=str(path))
    return value
