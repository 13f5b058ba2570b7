"""Journals by name, flushed in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from soroi.base.errors import DataError
from soroi.store.journal import Journal, read_segment, segments
from soroi.store.journals import Flusher, Journals


def made(root: Path) -> Journals:
    return Journals(root / "journals", max_bytes=1 << 20, max_seconds=60.0)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, five seconds at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["plain", "with[part]", "a/b", "..", ".", "*?", "é x", "a=b"])
def test_any_name_is_the_name_of_one_directory_below(tmp_path: Path, name: str) -> None:
    journals = made(tmp_path)
    journals.append(name, [b"x"], durable=False)
    assert journals.names() == [name]
    directory = journals.of(name)
    assert directory.parent == tmp_path / "journals"
    assert [read_segment(path).payloads for path in segments(directory)] == [[b"x"]]
    journals.close()


def test_a_name_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs a name"):
        made(tmp_path).append("", [b"x"], durable=False)


def test_what_is_not_durable_is_flushed_within_a_second(tmp_path: Path) -> None:
    journal, flusher = Journal(tmp_path / "j"), Flusher(seconds=0.05)
    flusher.watch(journal)
    journal.append([b"x"], durable=False)
    until(lambda: not journal.dirty)
    flusher.stop()
    journal.close()


def test_a_background_flush_that_fails_is_kept_until_one_goes_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, flusher = Journal(tmp_path / "j"), Flusher(seconds=0.02)

    def fail() -> None:
        raise OSError("no")

    monkeypatch.setattr(journal, "flush", fail)
    flusher.watch(journal)
    journal.append([b"x"], durable=False)
    until(lambda: isinstance(flusher.problem, OSError))
    monkeypatch.undo()
    until(lambda: flusher.problem is None)
    flusher.stop()
    journal.close()


def test_only_closed_segments_are_looked_at_for_damage(tmp_path: Path) -> None:
    journals = made(tmp_path)
    journals.append("a", [b"x"], durable=True)
    (path,) = segments(journals.of("a"))
    with path.open("ab") as file:
        file.write(b"torn")
    assert journals.damage() == []
    journals.close()
    (damage,) = journals.damage()
    assert (damage.path, damage.size, damage.torn) == (path, 4, True)
