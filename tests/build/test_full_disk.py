"""A full disk while building: told with its place, nothing half-written, and all well once there is room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.projects import SMALL, Tiny, states, write_project

from soroi.base.errors import StorageFullError

SIZE = 6 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("a small disk cannot be mounted here: there is no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path, leave: int) -> None:
    with (disk / "filler").open("ab", buffering=0) as file:
        while (free := shutil.disk_usage(disk).free) > leave:
            try:
                file.write(bytes(min(free - leave, 1 << 16)))
            except OSError:
                return


@pytest.mark.parametrize("leave", [0, 4 << 10, 16 << 10, 48 << 10, 96 << 10, 192 << 10])
def test_a_full_disk_is_named_and_once_there_is_room_the_build_goes_on(
    tmp_path: Path, disk: Path, few_threads: None, leave: int
) -> None:
    config = f'[project]\nname = "tiny"\nmodule = "tiny"\n[store]\npath = "{disk / "store"}"\n'
    tiny = Tiny(write_project(tmp_path / "tiny", SMALL, config=config))
    tiny.build("items")
    fill(disk, leave)
    told: list[dict[str, object]] = []
    try:
        told = [one.error for one in tiny.attempt().failed if one.error is not None]
    except StorageFullError as error:
        told = [error.to_dict()]
    for one in told:
        assert one["code"] == "storage-full", one
        assert str(disk) in str(one["message"])
        assert "free some space" in str(one["hint"])
    assert told or leave >= 96 << 10, "this much room does not do for the project"
    (disk / "filler").unlink()
    again = tiny.build()
    assert states(again)["items"] == "reused"
    with tiny.project.store.catalogue.read() as tx:
        assert tx.events.verify() == []
        for record in tx.versions.all():
            if "table" in record.outputs:
                tiny.project.store.tables.verify(record.outputs["table"])
    assert tiny.project.stage(everything=True).manifest is not None
    assert tiny.project.release().moved
    tiny.close()


def test_a_full_disk_refuses_staging_and_release_and_changes_nothing(
    tmp_path: Path, disk: Path, few_threads: None
) -> None:
    config = f'[project]\nname = "tiny"\nmodule = "tiny"\n[store]\npath = "{disk / "store"}"\n'
    tiny = Tiny(write_project(tmp_path / "tiny", SMALL, config=config))
    tiny.build()
    fill(disk, 0)
    with pytest.raises(StorageFullError, match="catalogue"):
        tiny.project.stage(everything=True)
    assert tiny.picks() == {}
    (disk / "filler").unlink()
    assert tiny.project.stage(everything=True).manifest is not None
    fill(disk, 0)
    with pytest.raises(StorageFullError, match="catalogue"):
        tiny.project.release()
    assert tiny.live() is None
    (disk / "filler").unlink()
    assert tiny.project.release().moved
    tiny.close()
