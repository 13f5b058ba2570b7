"""What is left in the folder of the store beside the objects: laid-out code, kept declarations, old answers."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from soroi.base.errors import SoroiError
from soroi.codebase.kept import is_orphan
from soroi.codebase.retention import Retention
from soroi.store import Transaction
from soroi.store.journal import closed, read_segment, segments


class _Named(msgspec.Struct):
    """The part of an answer that names its manifest."""

    at: datetime
    manifest: str = ""


class Leftovers:
    """Finds and removes files that nothing needs.

    Args:
        root: Folder of the store.
        now: The moment it is asked at.
        retention: How long the project keeps things.
    """

    def __init__(self, root: Path, now: datetime, retention: Retention) -> None:
        self._root = root
        self._young = now - retention.grace
        self._answers = now - retention.answers
        self._found: dict[str, int] = {}

    def find(self, names: set[str], held: Collection[str] = ()) -> dict[str, int]:
        """Bytes of what nothing needs, by path: of folders, of all that is in them.

        Args:
            names: Objects that something needs, code among them.
            held: Decisions whose answers somebody holds.
        """
        paths = [*self._laid_out(names), *self._declared(), *self._old_answers(held)]
        self._found = {str(path): _size(path) for path in paths}
        return self._found

    def remove(self) -> None:
        """Remove what was found."""
        for text in self._found:
            path = Path(text)
            if path.is_dir() and self._is_old(path):  # laid out again meanwhile: somebody works with it
                shutil.rmtree(path, ignore_errors=True)
            elif not path.is_dir():
                path.unlink(missing_ok=True)

    def _laid_out(self, names: set[str]) -> Iterator[Path]:
        """Code laid out for nothing that is needed, and what a kill left half laid out."""
        live = {name[:16] for name in names}
        folder = self._root / "code"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            unneeded = path.name.startswith(".laying-") or path.name not in live
            if unneeded and self._is_old(path):
                yield path

    def _declared(self) -> Iterator[Path]:
        """Declarations kept of folders that are gone."""
        folder = self._root / "declared"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (path.suffix == ".kept" and is_orphan(path)) or (path.suffix == ".fresh" and self._is_old(path)):
                yield path

    def _old_answers(self, held: Collection[str]) -> Iterator[Path]:
        from soroi.store import AnswerLog
        from soroi.store.archive import archives

        log = AnswerLog(self._root)
        for decision in log.decisions():
            if decision in held:
                continue
            folder = log.folder(decision)
            for path in archives(folder):
                last = _last_archived(path)
                if last is not None and last < self._answers:
                    yield path
            for path in segments(folder):
                with closed(path) as is_closed:
                    if is_closed and self._is_old(path):
                        times = [one.at for one in _answers_of(path)]
                        if times and max(times) < self._answers:
                            yield path

    def _is_old(self, path: Path) -> bool:
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC) < self._young
        except FileNotFoundError:
            return False


def answered_manifests(root: Path, since: datetime, tx: Transaction) -> Mapping[str, datetime]:
    """The manifests that recorded answers name, with the time of the last one.

    Args:
        root: Folder of the store.
        since: Only answers given from then on count.
        tx: A transaction of the project; manifests that it does not know are left out.
    """
    from soroi.store import AnswerLog
    from soroi.store.archive import archives

    found: dict[str, datetime] = {}
    log = AnswerLog(root)
    for decision in log.decisions():
        folder = log.folder(decision)
        for path in archives(folder):
            _later(found, _archived_manifests(path, since))
        for path in segments(folder):
            for one in _answers_of(path):
                if one.at >= since:
                    _later(found, {one.manifest: one.at})
    return {name: at for name, at in found.items() if name and tx.manifests.known(name)}


def _later(found: dict[str, datetime], more: Mapping[str, datetime]) -> None:
    for name, at in more.items():
        if name not in found or found[name] < at:
            found[name] = at


def _archived_manifests(path: Path, since: datetime) -> dict[str, datetime]:
    import polars as pl

    rows = pl.scan_parquet(path)
    if not {"manifest", "at"} <= set(rows.collect_schema().names()):
        return {}
    last = rows.filter(pl.col("at") >= since).group_by("manifest").agg(pl.col("at").max()).collect()
    return {name: at for name, at in last.iter_rows() if isinstance(name, str)}


def _last_archived(path: Path) -> datetime | None:
    import polars as pl

    last: datetime | None = pl.scan_parquet(path).select(pl.col("at").max()).collect().item()
    return last


def _answers_of(path: Path) -> Iterator[_Named]:
    try:
        payloads = read_segment(path).payloads
    except (FileNotFoundError, SoroiError):  # compacted since it was listed
        return
    for payload in payloads:
        yield msgspec.msgpack.decode(payload, type=_Named)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    return path.stat().st_size
