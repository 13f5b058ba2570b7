"""The code a run captured: put into the store, and laid out again from it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from soroi.codebase import Bundle, unpack
from soroi.store import Objects


def keep_code(objects: Objects, bundle: Bundle) -> str:
    """Put captured code into the store; gives the digest of the object."""
    return objects.put(bundle.archive())


def lay_out(objects: Objects, store_root: Path, code: str) -> Path:
    """Lay captured code out as files, below ``code/`` in the store's folder. Safe beside others who do the same.

    Args:
        objects: Where it is kept.
        store_root: Folder of the store.
        code: Digest of the archive.

    Raises:
        CorruptError: The archive is not what its digest says.
    """
    folder = store_root / "code" / code[:16]
    archive = objects.get(code, what=f"captured code {code[:12]}")
    if folder.is_dir():
        with contextlib.suppress(OSError):
            os.utime(folder)  # it is in use: not to be collected
        return unpack(archive, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".laying-", dir=folder.parent))
    unpack(archive, fresh)
    with contextlib.suppress(OSError):  # another process was first, with the same files
        fresh.rename(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    return folder
