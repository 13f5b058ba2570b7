"""The order of a run: every node once, after what it rests on, in time proportional to nodes and edges."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.projects import Tiny

from soroi.build import run as run_module
from soroi.build.request import BuildRequest
from soroi.build.run import Run, RunCode
from soroi.build.task import Draft, Task
from soroi.build.waiting import Waiting
from soroi.build.work import WorkPlan
from soroi.store import VersionRecord

NODES = 3_000

Edges = Mapping[str, Sequence[str]]


def chain(size: int) -> Edges:
    return {f"n{at}": [f"n{at - 1}"] if at else [] for at in range(size)}


def fan(size: int) -> Edges:
    """One node that hundreds rest on, each with one on it."""
    half = size // 2
    return {"n0": [], **{f"a{at}": ["n0"] for at in range(half)}, **{f"b{at}": [f"a{at}"] for at in range(half)}}


def mixed(size: int) -> Edges:
    chance = random.Random(size)
    return {f"n{at}": sorted({f"n{chance.randrange(at)}" for _ in range(min(at, 3))}) for at in range(size)}


SHAPES = {"chain": chain, "fan": fan, "mixed": mixed}


def order(edges: Edges, taken: Sequence[str] = (), stopped: Sequence[str] = ()) -> list[str]:
    waiting = Waiting([one for one in edges if one not in taken], edges.__getitem__, set(taken))
    found: list[str] = []
    while (name := waiting.next()) is not None:
        found.append(name)
        waiting.settle(name, stopped=name in stopped)
    assert len(waiting) == len(edges) - len(taken) - len(found)
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_node_comes_up_once_in_its_order_when_all_goes_at_once(shape: str) -> None:
    edges = SHAPES[shape](200)
    assert order(edges) == list(edges)


def test_nodes_come_up_when_the_last_of_what_they_rest_on_is_settled() -> None:
    waiting = Waiting(["a", "b", "c"], {"a": [], "b": ["x"], "c": ["a", "a", "b"]}.__getitem__, {"x"})
    assert [waiting.next(), waiting.next(), waiting.next()] == ["a", "b", None]
    waiting.settle("b")
    assert waiting.next() is None
    assert waiting.names() == ["c"]
    waiting.settle("a")
    assert [waiting.next(), waiting.next(), len(waiting)] == ["c", None, 0]


def test_what_rests_on_a_stopped_node_comes_up_at_once_and_only_once() -> None:
    waiting = Waiting(["a", "b", "c"], {"a": [], "b": [], "c": ["a", "b"]}.__getitem__, ())
    assert [waiting.next(), waiting.next()] == ["a", "b"]
    waiting.settle("a", stopped=True)
    assert waiting.next() == "c"
    waiting.settle("b")
    assert waiting.next() is None


def test_what_rests_on_something_that_is_nowhere_never_comes_up() -> None:
    assert order({"a": [], "b": ["elsewhere"], "c": ["b"]}) == ["a"]


def calls(edges: Edges) -> int:
    """How many functions are called until every node came up."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        order(edges)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_of_ordering_is_proportional_to_nodes_and_edges(shape: str) -> None:
    edges = SHAPES[shape](NODES)
    size = len(edges) + sum(map(len, edges.values()))
    assert calls(edges) < 15 * size


class Stub:
    """Finishes every task at once."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def submit(self, task: Task) -> Future[Draft]:
        self.ran.append(task.node)
        future: Future[Draft] = Future()
        future.set_result(cast(Draft, None))
        return future


class Bare(Run):
    """A run that only orders: nothing is reused, and nothing is written."""

    def _start(self) -> None: ...

    def _end(self, status: Any) -> None: ...

    def _settled(self, name: str, producers: list[str]) -> bool:
        return False

    def _task(self, name: str, producers: list[str]) -> Task:
        assert all(one in self._taken for one in producers)
        return cast(Task, SimpleNamespace(node=name))

    def _finish(self, name: str, future: Future[Draft]) -> None:
        self._taken[name] = cast(VersionRecord, None)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_asks_for_the_edges_of_each_node_a_fixed_number_of_times(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    edges = SHAPES[shape](NODES)
    asked = 0

    def build_edges(node: str) -> list[Any]:
        nonlocal asked
        asked += 1
        return [SimpleNamespace(producer=one) for one in edges[node]]

    monkeypatch.setattr(run_module, "build_edges", build_edges)
    code = cast(RunCode, SimpleNamespace(graph={name: name for name in edges}))
    plan = WorkPlan(tuple(edges), {}, frozenset(edges))
    run = Bare(tiny.project.store, code, plan, BuildRequest(()), {}, runtime=tiny.project.runtime)
    stub = Stub()
    run.go(cast(Any, stub))
    assert sorted(stub.ran) == sorted(edges)
    assert asked == 2 * len(edges)
