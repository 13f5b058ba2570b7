"""A full disk: an error that names the place, nothing acknowledged lost, and all well once there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from soroi.base.errors import StorageFullError
from soroi.store import AnswerLog, ManifestRecord, Objects, RowLog, StoreConfig, Tables, open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 4 << 20


class Disk:
    """A disk of 4 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, leave: int = 0) -> None:
        """Take all space but some bytes."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            while (free := shutil.disk_usage(self.path).free) > leave:
                try:
                    file.write(bytes(min(free - leave, 1 << 16)))
                except OSError:
                    return

    def empty(self) -> None:
        """Give the space back."""
        (self.path / "filler").unlink()


def mount(path: Path) -> str:
    """Mount a small disk. Gives the reason why not, or nothing."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no mount command"
    return "" if done.returncode == 0 else done.stderr.strip()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    refused = mount(path)
    if refused:
        pytest.skip(f"a small disk cannot be mounted here: {refused}")
    yield Disk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_without_the_right_to_mount_these_tests_run_in_a_namespace(tmp_path: Path) -> None:
    if not mount(tmp_path):
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
        return
    unshare = ["unshare", "-rm"]
    if os.environ.get("SOROI_IN_NAMESPACE") or shutil.which("unshare") is None:
        pytest.skip("neither mounting nor a namespace is permitted here")
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True).returncode:
        pytest.skip("neither mounting nor a namespace is permitted here")
    command = [*unshare, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env={**os.environ, "SOROI_IN_NAMESPACE": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout, done.stdout


def test_an_object_that_does_not_fit_is_not_there(disk: Disk) -> None:
    objects = Objects(disk.path / "objects")
    kept = objects.put(b"kept")
    with pytest.raises(StorageFullError, match="no space is left") as raised:
        objects.put(os.urandom(SIZE))
    assert str(disk.path) in str(raised.value)
    assert raised.value.hint
    disk.fill()
    for size in (1, 5000, 100_000):
        with pytest.raises(StorageFullError):
            objects.put(os.urandom(size))
    disk.empty()
    assert list(objects.iter()) == [kept]
    data = os.urandom(SIZE // 4)
    assert objects.get(objects.put(data), what="it") == data
    assert shutil.disk_usage(disk.path).free > SIZE // 2


def test_a_table_that_does_not_fit_can_be_written_later(disk: Disk) -> None:
    tables = Tables(Objects(disk.path / "objects"))
    frame = pl.DataFrame({"id": range(20_000), "x": [os.urandom(16) for _ in range(20_000)]})
    disk.fill(leave=100_000)
    with pytest.raises(StorageFullError):
        tables.write(frame, key=["id"])
    disk.empty()
    root = tables.write(frame, key=["id"]).root
    assert tables.read(root).equals(frame)


def test_a_catalogue_that_finds_no_room_changes_nothing_and_goes_on_later(disk: Disk) -> None:
    store = open_store(StoreConfig(disk.path / "store", "demo"))
    disk.fill()

    def write(number: int) -> None:
        with store.catalogue.write() as tx:
            tx.manifests.add(ManifestRecord(f"m{number}", {"text": "x" * 50_000}, NOW, "ann"))
            tx.events.append("made", f"m{number}", {}, "ann", NOW)

    written, raised = until_full(write)
    assert "catalogue.sqlite" in str(raised)
    with store.catalogue.read() as tx:
        assert len(tx.manifests.recent(1000)) == len(tx.events.list()) == written
    disk.empty()
    for number in range(written, written + 20):
        write(number)
    with store.catalogue.read() as tx:
        assert len(tx.manifests.recent(1000)) == len(tx.events.list()) == written + 20
        assert tx.events.verify() == []
    store.close()


def test_a_store_is_not_made_on_a_full_disk_and_is_made_later(disk: Disk) -> None:
    disk.fill(leave=20_000)
    with pytest.raises(StorageFullError):
        open_store(StoreConfig(disk.path / "store", "demo"))
    disk.empty()
    with open_store(StoreConfig(disk.path / "store", "demo")) as store, store.catalogue.read() as tx:
        assert tx.events.list() == []


@pytest.mark.parametrize("durable", [True, False])
def test_answers_that_were_acknowledged_stay_and_the_log_goes_on_later(disk: Disk, durable: bool) -> None:
    log = AnswerLog(disk.path)
    disk.fill(leave=300_000)
    number, raised = until_full(lambda n: log.append([_answer(n)], durable=durable))
    assert number > 100
    assert "answers/warn" in str(raised)
    with pytest.raises(StorageFullError):
        log.append([_answer(number)], durable=durable)
    disk.empty()
    assert [one["id"] for one in log.scan()] == [_answer(n)["id"] for n in range(number)]
    log.append([_answer(number)], durable=True)
    log.close()
    assert log.damage() == []
    assert len(list(log.scan())) == number + 1


def test_answers_are_not_lost_when_there_is_no_room_to_compact_them(disk: Disk) -> None:
    log = AnswerLog(disk.path)
    log.append([_answer(n) for n in range(1000)], durable=True)
    log.close()
    disk.fill()
    with pytest.raises(StorageFullError):
        log.compact()
    assert len(list(log.scan())) == 1000
    disk.empty()
    assert log.compact().records == 1000


def test_a_batch_of_rows_that_does_not_fit_is_gone_whole(disk: Disk) -> None:
    log = RowLog(disk.path)
    log.append("s", [{"id": 1}], durable=True)
    disk.fill(leave=8192)
    with pytest.raises(StorageFullError):
        log.append("s", [{"id": n, "text": "x" * 100} for n in range(1000)], durable=True)
    disk.empty()
    log.append("s", [{"id": 2}], durable=True)
    log.close()
    assert [one["id"] for one in log.scan("s")] == [1, 2]
    assert log.damage() == []


def until_full(step: Callable[[int], None]) -> tuple[int, StorageFullError]:
    """Do a step over and over, until there is no space for it. Gives its number, and the error."""
    for number in range(10_000):
        try:
            step(number)
        except StorageFullError as error:
            return number, error
    raise AssertionError("the disk never became full")


def _answer(number: int) -> dict[str, object]:
    return {"id": f"a{number:06}", "decision": "warn", "at": NOW, "text": "x" * 500}
