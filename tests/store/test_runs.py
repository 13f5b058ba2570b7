"""Runs: started, ended, and their nodes."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from soroi.base.errors import UnknownNameError
from soroi.store import Catalogue, RunNodeRecord, RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = RunRecord(id="run_1", request={"nodes": ["careful"]}, by="ann", host="here", pid=7, started_at=NOW)


def test_a_run_is_open_until_it_is_finished(catalogue: Catalogue) -> None:
    second = msgspec.structs.replace(RUN, id="run_2")
    with catalogue.write() as tx:
        tx.runs.start(RUN)
        tx.runs.start(second)
        assert tx.runs.open() == [RUN, second]
        tx.runs.finish("run_1", "done", NOW)
        assert tx.runs.open() == [second]
        assert tx.runs.get("run_1") == msgspec.structs.replace(RUN, status="done", finished_at=NOW)
        assert [one.id for one in tx.runs.recent()] == ["run_2", "run_1"]
        assert [one.id for one in tx.runs.recent(1)] == ["run_2"]


def test_a_run_that_is_not_there_cannot_be_finished(catalogue: Catalogue) -> None:
    with catalogue.write() as tx, pytest.raises(UnknownNameError, match="no run 'run_9'"):
        tx.runs.finish("run_9", "done", NOW)


def test_a_node_is_put_again_in_place_and_keeps_its_turn(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.runs.start(RUN)
        for node in ("b", "a"):
            tx.runs.put_node(RunNodeRecord(run="run_1", node=node, status="waiting"))
        failed = RunNodeRecord(
            run="run_1",
            node="b",
            status="failed",
            seconds=1.5,
            reason="code changed",
            error={"code": "build", "message": "no"},
            log="f" * 40,
        )
        tx.runs.put_node(failed)
        assert tx.runs.nodes("run_1") == [failed, RunNodeRecord(run="run_1", node="a", status="waiting")]
        tx.runs.put_node(RunNodeRecord(run="run_1", node="b", status="built", version="b@000000000000"))
        assert tx.runs.nodes("run_1")[0].error is None


def test_a_node_of_no_run_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(OSError, match=r"(?i)foreign key"), catalogue.write() as tx:
        tx.runs.put_node(RunNodeRecord(run="nobody", node="a", status="waiting"))
