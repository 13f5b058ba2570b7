"""Turns failures of disks, databases and object stores into named errors with a remedy."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from soroi.base.errors import SoroiError, StorageFullError, StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_TEXTS = (
    "no space left on device",
    "database or disk is full",
    "disk quota exceeded",
    "could not extend file",
)
_NO_ENTRY = (
    "did not let the user in",
    "set SOROI_CATALOGUE_PASSWORD, or catalogue_password_file under [store] in soroi.toml; check the user's name",
)
_NO_DATABASE = ("has no such database", "make it, as a superuser: CREATE DATABASE name OWNER user")
_NO_RIGHT = ("lacks a right", "as the owner of the database: GRANT the right, or let the user own the database")
_LOST = ("lost a race against another process", "do the same again: nothing was changed")
_BUSY = ("has no room for another connection", "close some, or raise max_connections")
_UNREACHED = (
    "cannot be reached",
    "check that the server runs, its address and the network; then do the same again: nothing was half done",
)
_STATES = (
    ("28", _NO_ENTRY),
    ("3D000", _NO_DATABASE),
    ("42501", _NO_RIGHT),
    ("25006", ("is read-only", "use the address of the primary server, not of a copy")),
    ("40", _LOST),
    ("53300", _BUSY),
    ("08", _UNREACHED),
    ("57P", _UNREACHED),
)
_SAID = (  # refused while connecting: the driver gives no state then
    ("password authentication failed", _NO_ENTRY),
    ("no password supplied", _NO_ENTRY),
    ("no pg_hba.conf entry", _NO_ENTRY),
    ('role "', _NO_ENTRY),
    ('database "', _NO_DATABASE),
    ("too many", _BUSY),
    ("remaining connection slots", _BUSY),
)
_NEARLY_FULL_BYTES = 256 * 1024


def storage_full(place: str | Path, cause: BaseException | None = None) -> StorageFullError:
    """The error for a full disk at a place."""
    return StorageFullError(
        f"no space is left for {place}" + (f" ({_first_line(cause)})" if cause else ""),
        hint="free some space there or move the store, then do the same again; what was acknowledged is safe",
        path=str(place),
    )


@contextmanager
def naming(place: str | Path) -> Iterator[None]:
    """Name the place in failures of the operating system, the database driver or the object store.

    Args:
        place: File, directory or address that is being read or written.

    Raises:
        StorageFullError: The device or the quota is full.
        StoreError: Any other failure to read or write.
    """
    try:
        yield
    except SoroiError:
        raise
    except DBAPIError as error:
        raise _database_error(place, error) from error
    except UnicodeDecodeError as error:  # SQLite's driver quotes text of a damaged file, and cannot
        hint = "restore the catalogue from a backup; objects and answers are not affected"
        raise StoreError(f"the catalogue {place} is damaged: {error}", hint=hint, path=str(place)) from error
    except PoolTimeoutError as error:
        hint = "this process holds all its connections; end transactions sooner, or try again"
        raise StoreError(f"no connection to the catalogue {place} became free", hint=hint, path=str(place)) from error
    except OSError as error:
        if error.errno in _FULL or _says_full(error):
            raise storage_full(place, error) from error
        raise StoreError(
            f"could not read or write {place}: {_first_line(error)}",
            hint="check that the place exists and that you may write there",
            path=str(place),
        ) from error


def _database_error(place: str | Path, error: DBAPIError) -> Exception:
    cause = error.orig or error
    if not hasattr(cause, "sqlite_errorcode") and hasattr(cause, "sqlstate"):
        return _server_error(place, cause, str(cause.sqlstate or ""))
    code = getattr(cause, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL or _says_full(cause):
        return storage_full(place, cause)
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _nearly_full(place):
        return storage_full(place, cause)
    if primary == sqlite3.SQLITE_BUSY:
        hint = "another process holds the catalogue; see which one, or try again when it is done"
        return StoreError(f"the catalogue {place} stayed locked", hint=hint, path=str(place))
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        hint = "restore the catalogue from a backup; objects and answers are not affected"
        return StoreError(f"the catalogue {place} is damaged: {_first_line(cause)}", hint=hint, path=str(place))
    hint = "check that the catalogue is there, that you may write to it, and that soroi's version fits it"
    return StoreError(f"the catalogue {place} refused: {_first_line(cause)}", hint=hint, path=str(place))


def _server_error(place: str | Path, cause: BaseException, state: str) -> Exception:
    """What PostgreSQL said. Classes of ``state``: 08 connection, 28 authorisation, 40 lost race, 53 resources."""
    said = _first_line(cause)
    if state == "53100" or _says_full(cause):
        return storage_full(place, cause)
    if state == "55P03":
        hint = "another process holds the catalogue; see which one, or try again when it is done"
        return StoreError(f"the catalogue {place} stayed locked", hint=hint, path=str(place))
    told = next((told for start, told in _STATES if start and state.startswith(start)), None)
    if told is None and not state:
        told = next((told for text, told in _SAID if text in str(cause)), _UNREACHED)
    what, hint = told or ("refused", "check soroi's version and the rights of the user")
    return StoreError(f"the catalogue {place} {what}: {said}", hint=hint, path=str(place))


def _says_full(error: BaseException) -> bool:
    text = str(error).lower()
    return any(one in text for one in _FULL_TEXTS)


def _nearly_full(place: str | Path) -> bool:
    try:
        stats = os.statvfs(Path(place).parent)
    except (OSError, ValueError):
        return False
    return stats.f_bavail * stats.f_frsize < _NEARLY_FULL_BYTES


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_full(error: BaseException) -> bool:
    """Whether an error of any library says that the device or the quota is full."""
    return (isinstance(error, OSError) and error.errno in _FULL) or _says_full(error)
