"""Turns failures of disks, databases and object stores into named errors with a remedy."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from soroi.base.errors import SoroiError, StorageFullError, StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_TEXTS = (
    "no space left on device",
    "database or disk is full",
    "disk quota exceeded",
    "could not extend file",
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
