"""A project's code as one deterministic archive, so that what ran can be kept and loaded again."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from soroi.base.digest import digest
from soroi.base.errors import CorruptError, RefusedError

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}
MAX_BYTES = 50 * 2**20
"""Largest size of a project's code, in bytes; more is surely not code."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A project's code at one moment."""

    digest: str
    """Digest over names and contents, 40 hexadecimal characters."""

    files: tuple[tuple[str, bytes], ...]
    """Name (with / between folders, relative to the project) and content of each file, sorted by name."""

    def archive(self) -> bytes:
        """The code as a zip archive; the same code gives the same bytes."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bag:
            for name, content in self.files:
                bag.writestr(zipfile.ZipInfo(name, _EPOCH), content)
        return out.getvalue()

    @classmethod
    def of(cls, files: list[tuple[str, bytes]]) -> Bundle:
        """A bundle of these files."""
        ordered = tuple(sorted(files))
        return cls(digest("bundle", dict(ordered)), ordered)


def capture(root: Path, *, without: Path | None = None) -> Bundle:
    """Read all Python files of a project, as they are now.

    Hidden folders, virtual environments and build products are passed over.

    Args:
        root: Folder of the project.
        without: A folder to pass over too: that of the store, which holds code of earlier builds.

    Raises:
        RefusedError: There is more than :data:`MAX_BYTES` of it.
    """
    files: list[tuple[str, bytes]] = []
    size = 0
    for path in _code_files(root, without):
        content = path.read_bytes()
        size += len(content)
        if size > MAX_BYTES:
            raise RefusedError(
                f"the Python files under {root} are more than {MAX_BYTES // 2**20} MiB",
                hint="give the project a folder of its own, without other code in it",
            )
        files.append((path.relative_to(root).as_posix(), content))
    return Bundle.of(files)


def unpack(archive: bytes, folder: Path) -> Path:
    """Lay the files of an archived bundle out in a folder.

    Args:
        archive: Bytes made by :meth:`Bundle.archive`.
        folder: Where; made when missing. A file that is there with another content is replaced.

    Raises:
        CorruptError: It is not such an archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as bag:
            contents = [(name, bag.read(name)) for name in bag.namelist()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise CorruptError(f"a bundle of code cannot be read: {error}") from None
    for name, content in contents:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise CorruptError(f"a bundle of code holds the file '{name}', which lies outside of it")
        path = folder / relative
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.replace(path)
    return folder


def is_own_file(path: Path, root: Path) -> bool:
    """Whether a file is of a project's own code, and not of a virtual environment in its folder or of elsewhere."""
    if not path.is_relative_to(root):
        return False
    return not any(part.startswith(".") or part in _SKIPPED for part in path.relative_to(root).parts)


def _code_files(folder: Path, without: Path | None) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _SKIPPED or path == without:
            continue
        if path.is_dir():
            if not (path / "pyvenv.cfg").exists() and not path.is_symlink():
                yield from _code_files(path, without)
        elif path.suffix == ".py" and path.is_file():
            yield path
