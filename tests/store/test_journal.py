"""Journals: whole frames or none, torn tails found, nothing before them lost."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soroi.base.errors import StorageFullError, StoreError
from soroi.store.journal import MARK, Damage, Journal, closed, frame, parse_segment, read_segment, segments

PAYLOADS = st.lists(st.binary(max_size=50), min_size=1, max_size=6)


def payloads(directory: Path) -> list[bytes]:
    return [one for path in segments(directory) for one in read_segment(path).payloads]


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    assert not (tmp_path / "j").exists()
    journal.append([b"a", b""], durable=True)
    journal.append([b"b" * 70_000], durable=False)
    assert payloads(tmp_path / "j") == [b"a", b"", b"b" * 70_000]
    journal.close()
    journal.append([b"c"], durable=True)
    assert payloads(tmp_path / "j")[-1] == b"c"
    assert len(segments(tmp_path / "j")) == 2
    journal.close()


@given(held=PAYLOADS, data=st.data())
@settings(deadline=None)
def test_a_tail_torn_anywhere_keeps_all_whole_frames_before_it(held: list[bytes], data: st.DataObject) -> None:
    ends = [len(MARK)]
    for one in held:
        ends.append(ends[-1] + len(frame(one)))
    whole = MARK + b"".join(frame(one) for one in held)
    cut = data.draw(st.integers(0, len(whole)))
    segment = parse_segment(Path("x"), whole[:cut])
    kept = sum(1 for end in ends[1:] if end <= cut)
    assert segment.payloads == held[:kept]
    is_torn = cut not in ends and cut > 0
    assert [one.torn for one in segment.damage] == ([True] if is_torn else [])


@given(held=PAYLOADS, data=st.data())
@settings(deadline=None)
def test_a_flipped_byte_costs_no_other_frame_unless_it_hides_the_length(held: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(MARK + b"".join(frame(one) for one in held))
    place = data.draw(st.integers(len(MARK), len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    segment = parse_segment(Path("x"), bytes(whole))
    assert segment.damage
    assert len(segment.payloads) < len(held)
    rest = list(held)
    for one in segment.payloads:
        assert one in rest
        rest.remove(one)


def test_damage_between_whole_frames_is_told_from_a_torn_tail() -> None:
    data = bytearray(MARK + frame(b"first") + frame(b"second") + frame(b"third"))
    place = len(MARK) + len(frame(b"first"))
    data[place + 9] ^= 1
    segment = parse_segment(Path("x"), bytes(data) + b"\x05")
    assert segment.payloads == [b"first", b"third"]
    assert segment.damage == [
        Damage(Path("x"), place, len(frame(b"second")), torn=False),
        Damage(Path("x"), len(data), 1, torn=True),
    ]
    assert str(segment.damage[1]) == f"x: a torn tail of 1 bytes at {len(data)}"


@pytest.mark.parametrize("tail", [bytes(100), b"\xff" * 100, frame(b"x")[:-1]])
def test_garbage_behind_the_last_frame_is_a_torn_tail(tail: bytes) -> None:
    segment = parse_segment(Path("x"), MARK + frame(b"kept") + tail)
    assert segment.payloads == [b"kept"]
    assert segment.damage == [Damage(Path("x"), len(MARK + frame(b"kept")), len(tail), torn=True)]


def test_a_segment_of_another_format_is_not_read() -> None:
    segment = parse_segment(Path("x"), b"soroij9\n" + frame(b"a"))
    assert segment.payloads == []
    assert not segment.damage[0].torn


@given(held=st.lists(PAYLOADS, min_size=1, max_size=5), size=st.integers(1, 200))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_segments_rotate_by_size(tmp_path_factory: pytest.TempPathFactory, held: list[list[bytes]], size: int) -> None:
    directory = tmp_path_factory.mktemp("j")
    journal = Journal(directory, max_bytes=size)
    for several in held:
        journal.append(several, durable=False)
    journal.close()
    assert payloads(directory) == [one for several in held for one in several]
    assert len(segments(directory)) == len(held) or size > 1


def test_a_journal_is_dirty_until_it_is_flushed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    seen = [journal.dirty]
    journal.append([b"a"], durable=False)
    seen.append(journal.dirty)
    journal.flush()
    assert [*seen, journal.dirty] == [False, True, False]
    journal.close()


def test_segments_rotate_by_age(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_seconds=0.0)
    journal.append([b"a"], durable=False)
    journal.append([b"b"], durable=False)
    assert len(segments(tmp_path)) == 2
    journal.close()


def test_an_open_segment_is_told_from_a_closed_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([b"a"], durable=False)
    (path,) = segments(tmp_path)
    with closed(path) as is_closed:
        assert not is_closed
    journal.close()
    with closed(path) as is_closed:
        assert is_closed
    path.unlink()
    with closed(path) as is_closed:
        assert not is_closed


def test_a_write_that_fails_half_way_leaves_whole_frames_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append([b"kept"], durable=True)
    real, calls = os.write, []

    def half(file: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) == 1:
            return real(file, bytes(data)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(StorageFullError, match="no space is left") as raised:
        journal.append([b"lost"], durable=True)
    assert str(tmp_path) in str(raised.value)
    monkeypatch.undo()
    journal.append([b"later"], durable=True)
    journal.close()
    assert payloads(tmp_path) == [b"kept", b"later"]
    assert [read_segment(path).damage for path in segments(tmp_path)] == [[]]


def test_after_a_flush_that_failed_a_new_segment_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append([b"kept"], durable=True)

    def fail(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        journal.append([b"unsure"], durable=True)
    monkeypatch.undo()
    journal.append([b"later"], durable=True)
    journal.close()
    assert len(segments(tmp_path)) == 2
    assert payloads(tmp_path)[0] == b"kept"
    assert payloads(tmp_path)[-1] == b"later"


def test_threads_append_whole_frames(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=2000)

    def work(name: int) -> None:
        for turn in range(50):
            journal.append([f"{name}:{turn}".encode()] * 2, durable=turn % 10 == 0)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    journal.close()
    held = payloads(tmp_path)
    assert len(held) == 400
    for name in range(4):
        mine = [int(one.split(b":")[1]) for one in held if one.startswith(f"{name}:".encode())]
        assert mine == [turn for turn in range(50) for _ in range(2)]
    assert len(segments(tmp_path)) > 1


def test_a_forked_child_writes_a_segment_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([b"parent"], durable=True)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            journal.append([b"child"], durable=True)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    journal.append([b"parent again"], durable=True)
    by_segment = sorted(read_segment(path).payloads for path in segments(tmp_path))
    assert by_segment == [[b"child"], [b"parent", b"parent again"]]
    journal.close()
