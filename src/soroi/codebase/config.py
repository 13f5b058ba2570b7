"""``soroi.toml``: what a project is called, where its declarations are, where it keeps things."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from soroi.base.address import names_secret, redacted, secret_in, with_options
from soroi.base.errors import ConfigError, did_you_mean
from soroi.codebase.retention import ENTRIES, Retention, read_cost, read_retention
from soroi.declare.node import NAME
from soroi.rules import Condition, Window
from soroi.rules.text import parse_condition

FILE = "soroi.toml"
_KNOWN: dict[str, set[str]] = {
    "project": {"name", "module", "description"},
    "store": {"path", "catalogue", "catalogue_password_file", "objects", "s3"},
    "build": {"workers", "cost_per_hour"},
    "retention": ENTRIES,
}
_NAMED: dict[str, set[str]] = {"environments": {"requires"}, "windows": {"from", "until", "every", "reason"}}
"""Sections with a section for each name below them, such as ``[windows.freeze]``."""
_S3: dict[str, type] = {"endpoint": str, "region": str, "path_style": bool, "allow_http": bool, "keys_file": str}
_SECRETS = (
    "secrets are not written here: set SOROI_CATALOGUE_PASSWORD, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name "
    "files with them: catalogue_password_file under [store], keys_file under [store.s3]"
)


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
    """SQLAlchemy address of a shared catalogue, with the file of its password if there is one, never with the
    password; ``None``: SQLite in the store's folder."""

    objects: str | None = None
    """Address of a shared object store with its options, never with keys; ``None``: the store's folder."""

    workers: int | None = None
    """Number of processes that build; ``None``: the number of cores."""

    environments: Mapping[str, Condition] = field(default_factory=dict)
    """What environments ask for, by name."""

    windows: Mapping[str, Window] = field(default_factory=dict)
    """The named windows that conditions are about."""

    cost_per_hour: float | None = None
    """What an hour of building costs, in whatever money; ``None``: nobody said."""

    retention: Retention = field(default_factory=Retention)
    """How long what is kept for is kept."""


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
        catalogue=_catalogue(store, path),
        objects=_objects(store, path),
        workers=workers,
        cost_per_hour=read_cost(body.get("build", {}), path),
        retention=read_retention(body.get("retention", {}), path),
        environments={name: _condition(name, one, path) for name, one in body.get("environments", {}).items()},
        windows={name: _window(name, one, path) for name, one in body.get("windows", {}).items()},
    )


def _check_known(body: Mapping[str, Any], path: Path) -> None:
    for section, entries in body.items():
        if section in _NAMED:
            _check_named(section, entries, path)
            continue
        if section not in _KNOWN or not isinstance(entries, dict):
            raise ConfigError(
                f"[{section}] is not a section of {FILE}",
                hint=did_you_mean(section, [*_KNOWN, *_NAMED]),
                where=str(path),
            )
        for entry in entries:
            _check_entry(entry, section, _KNOWN[section], path)


def _check_named(section: str, entries: Any, path: Path) -> None:
    if not isinstance(entries, dict) or not all(isinstance(one, dict) for one in entries.values()):
        hint = f"such as [{section}.{'production' if section == 'environments' else 'freeze'}]"
        raise ConfigError(f"[{section}] has a section for each name", hint=hint, where=str(path))
    for name, one in entries.items():
        for entry in one:
            _check_entry(entry, f"{section}.{name}", _NAMED[section], path)


def _condition(name: str, section: Mapping[str, Any], path: Path) -> Condition:
    text = _text(section, "requires", path, None)
    if text is None:
        hint = """requires = 'approved_by("owner", n=2) & not_during("freeze")'"""
        raise ConfigError(f"[environments.{name}] asks for nothing", hint=hint, where=str(path))
    try:
        return parse_condition(text)
    except ValueError as error:
        raise ConfigError(f"requires of [environments.{name}]: {error}", where=str(path)) from None


def _window(name: str, section: Mapping[str, Any], path: Path) -> Window:
    if not section.keys() & {"from", "until", "every"}:
        hint = 'from = 2026-12-20T00:00:00Z and until = …, or every = "fri 16:00-24:00"'
        raise ConfigError(f"[windows.{name}] says no time", hint=hint, where=str(path))
    try:
        return Window(
            name,
            since=_moment(section.get("from")),
            until=_moment(section.get("until")),
            every=_text(section, "every", path, None),
            reason=_text(section, "reason", path, ""),
        )
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"[windows.{name}]: {error}", where=str(path)) from None


def _moment(value: Any) -> datetime | None:
    """A time of TOML, or its text; without a time zone, UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not a time")  # noqa: TRY004 (what is written is wrong, not what is called)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _check_entry(entry: str, section: str, known: Collection[str], path: Path) -> None:
    if entry not in known:
        hint = _SECRETS if names_secret(entry) else did_you_mean(entry, known)
        raise ConfigError(f"'{entry}' is not an entry of [{section}]", hint=hint, where=str(path))


def _catalogue(store: Mapping[str, Any], path: Path) -> str | None:
    address, file = _address(store, "catalogue", path), _text(store, "catalogue_password_file", path, None)
    if file is None:
        return address
    if address is None or not address.startswith("postgresql"):
        hint = 'such as catalogue = "postgresql+psycopg://soroi@db.example/soroi"'
        raise ConfigError("catalogue_password_file needs a catalogue on a server", hint=hint, where=str(path))
    return with_options(address, {"password_file": str(_file(file, path))})


def _objects(store: Mapping[str, Any], path: Path) -> str | None:
    """The address of the objects, with what ``[store.s3]`` says as its options."""
    address, given = _address(store, "objects", path), store.get("s3", {})
    if not isinstance(given, dict):
        raise ConfigError("'s3' must be a section", hint="[store.s3]", where=str(path))
    if given and (address is None or not address.startswith("s3")):
        hint = 'such as objects = "s3://bucket/prefix"'
        raise ConfigError("[store.s3] needs objects in S3", hint=hint, where=str(path))
    options: dict[str, str] = {}
    for entry, value in given.items():
        _check_entry(entry, "store.s3", _S3, path)
        if not isinstance(value, _S3[entry]):
            kind = "true or false" if _S3[entry] is bool else "a text, in quotes"
            raise ConfigError(f"'{entry}' under [store.s3] must be {kind}", where=str(path))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        options[entry] = str(_file(text, path)) if entry == "keys_file" else text
    return address if address is None else with_options(address, options)


def _address(store: Mapping[str, Any], entry: str, path: Path) -> str | None:
    found: str | None = _text(store, entry, path, None)
    secret = secret_in(found or "")
    if secret is not None:
        raise ConfigError(
            f"'{entry}' has {secret} in it: {redacted(str(found))}", hint=f"take it out; {_SECRETS}", where=str(path)
        )
    return found


def _file(text: str, path: Path) -> Path:
    return path.parent.joinpath(Path(text).expanduser()).absolute()


def _text(section: Mapping[str, Any], entry: str, path: Path, default: Any) -> Any:
    value = section.get(entry, default)
    if value is not None and not isinstance(value, str):
        shown = value if isinstance(value, int | float) else f"a {type(value).__name__}"  # a list may hold a secret
        raise ConfigError(f"'{entry}' must be a text, not {shown}", hint="put it in quotes", where=str(path))
    return value
