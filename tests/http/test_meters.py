from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from soroi.http.exposition import expose
from soroi.http.meters import BOUNDS, Board, Counted, Meters, summed


def body(**changes: Any) -> bytes:
    path = [{"name": "fast", "outcome": "late"}, {"name": "slow", "outcome": "answered"}]
    answer = {"decision": "check", "action": "pass", "arm": "base", "path": path, **changes}
    return msgspec.json.encode({"answer": answer})


def counted() -> Counted:
    meters = Meters()
    for seconds in (0.00005, 0.0001, 0.003, 60.0):
        meters.request("check", 200, seconds)
        meters.replied(body())
    meters.request("", 404, 0.01)
    meters.replied(msgspec.json.encode({"answers": [msgspec.json.decode(body(action="check"))["answer"]] * 2}))
    return meters.counted()


def figures(data: bytes) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *(f"{name}={value}" for name, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(data.decode())
        for one in family.samples
    }


def test_answers_falls_and_latencies_are_counted() -> None:
    found = counted()
    assert found.answers == {"check\tslow\tbase\tpass": 4, "check\tslow\tbase\tcheck": 2}
    assert found.falls == {"check\tfast\tlate": 6}
    assert found.requests == {"check\t200": 4, "\t404": 1}
    assert found.latency["check"] == [2, 0, 0, 0, 0, 1, *[0] * (len(BOUNDS) - 6), 1]
    assert found.seconds["check"] == pytest.approx(60.00315)


def test_prometheus_reads_what_was_counted() -> None:
    total = summed([counted(), counted()])
    total.manifests = {"m1\t7": 2}
    found = figures(expose(total))
    of_answer = ("action=pass", "arm=base", "decision=check", "step=slow")
    assert found["soroi_answers_total", *of_answer] == 8
    assert found["soroi_falls_total", "decision=check", "reason=late", "step=fast"] == 12
    assert found["soroi_requests_total", "decision=", "status=404"] == 2
    assert found["soroi_request_seconds_bucket", "decision=check", "le=0.005"] == 6
    assert found["soroi_request_seconds_bucket", "decision=check", "le=+Inf"] == 8
    assert found["soroi_request_seconds_count", "decision=check"] == 8
    assert found["soroi_manifest", "manifest=m1", "revision=7"] == 2


def test_nothing_counted_is_exposed_as_nothing() -> None:
    assert figures(expose(Counted()))[("soroi_workers",)] == 1


def test_processes_see_each_other_and_who_takes_a_place_goes_on_counting(tmp_path: Path) -> None:
    boards = [Board(tmp_path / "run", "serve-1", slot) for slot in range(2)]
    assert boards[0].others() == []
    for board in boards:
        board.show(counted())
    Board(tmp_path / "run", "serve-2", 0).show(counted())
    (tmp_path / "run" / "serve-1-7.json").write_text("{")
    assert boards[0].others() == [counted()]
    meters = Meters()
    meters.before = Board(tmp_path / "run", "serve-1", 1).inherit()
    meters.replied(body())
    assert meters.counted().answers["check\tslow\tbase\tpass"] == 5
    assert meters.counted().workers == 0


def test_a_board_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    board = Board(tmp_path / "run", "serve-1", 0)
    board.show(counted())
    assert board.inherit().answers == {}
