"""The tail of the answers log: each answer once, whatever is appended, compacted or left half-written meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from soroi.store import AnswerLog
from soroi.store.tail import AnswerTail

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(n: int, decision: str = "check") -> dict[str, Any]:
    return {"id": f"a{n:03d}", "decision": decision, "at": NOW + timedelta(seconds=n), "n": n}


def numbers(answers: list[dict[str, Any]]) -> list[int]:
    return sorted(one["n"] for one in answers)


def test_every_look_gives_what_is_new_of_all_decisions_and_writers(tmp_path: Path) -> None:
    tail = AnswerTail(tmp_path, NOW + timedelta(seconds=1))
    assert tail.look().answers == []
    logs = [AnswerLog(tmp_path), AnswerLog(tmp_path)]
    for n, log in enumerate(logs):
        log.append([answer(n), answer(10 + n, "hold")])
    first = tail.look()
    assert numbers(first.answers) == [1, 10, 11]
    assert not first.again
    assert tail.look().answers == []
    logs[1].append([answer(3)])
    assert numbers(tail.look().answers) == [3]
    assert numbers(AnswerTail(tmp_path, NOW).look().answers) == [0, 1, 3, 10, 11]
    for log in logs:
        log.close()


def test_after_a_compaction_everything_is_given_again_exactly_once(tmp_path: Path) -> None:
    log, tail = AnswerLog(tmp_path), AnswerTail(tmp_path, NOW)
    tail.look()
    log.append([answer(1), answer(2)])
    assert numbers(tail.look().answers) == [1, 2]
    log.append([answer(3)])
    log.close()
    log.append([answer(4)])
    AnswerLog(tmp_path).compact()
    found = tail.look()
    assert found.again
    assert numbers(found.answers) == [1, 2, 3, 4]
    log.append([answer(5)])
    assert numbers(tail.look().answers) == [5]
    log.close()


def test_a_segment_that_outlived_its_archive_is_not_counted_twice(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    log.append([answer(1)])
    log.close()
    (segment,) = (tmp_path / "answers" / "check").glob("*.log")
    kept = segment.read_bytes()
    log.compact()
    segment.write_bytes(kept)
    tail = AnswerTail(tmp_path, NOW)
    assert numbers(tail.look().answers) == [1]
    assert tail.look().answers == []


def test_a_frame_that_is_half_written_is_given_once_it_is_whole(tmp_path: Path) -> None:
    log, tail = AnswerLog(tmp_path), AnswerTail(tmp_path, NOW)
    log.append([answer(1)])
    log.append([answer(2)])
    log.close()
    (segment,) = (tmp_path / "answers" / "check").glob("*.log")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-5])
    assert numbers(tail.look().answers) == [1]
    assert tail.look().answers == []
    segment.write_bytes(whole)
    assert numbers(tail.look().answers) == [2]


def test_looking_again_does_not_read_the_rest_again(tmp_path: Path) -> None:
    log, tail = AnswerLog(tmp_path), AnswerTail(tmp_path, NOW)
    log.append([answer(n) for n in range(20_000)])
    begun = time.process_time()
    assert len(tail.look().answers) == 20_000
    first = time.process_time() - begun
    begun = time.process_time()
    for _ in range(10):
        assert tail.look().answers == []
    assert time.process_time() - begun < first
    log.close()
