"""The processes of a storm: forked from one that has imported everything and has begun nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import polars  # noqa: F401 (what they need is imported once, before they part)
import sklearn.linear_model  # noqa: F401
import skops.io  # noqa: F401

from bench.storming.checker import SHOWN, Checker, read_logs
from bench.storming.work import Work, Worker
from bench.storming.world import World

FORK = multiprocessing.get_context("fork")


class Hands:
    """Starts processes on a project, and waits for them. Never opens the project itself: threads do not survive a fork.

    Args:
        world: Where the project is.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.running: dict[str, BaseProcess] = {}

    def begin(self, work: Work) -> BaseProcess:
        """Let somebody begin to work."""
        started = FORK.Process(target=_work, args=(self.world, work), name=work.name, daemon=True)
        started.start()
        self.running[work.name] = started
        return started

    def wait(self, seconds: float | None = None) -> list[int | None]:
        """Wait for all. Gives how they ended; 0 is well."""
        for one in self.running.values():
            one.join(seconds)
        codes = [one.exitcode for one in self.running.values()]
        self.running.clear()
        return codes

    def run(self, what: Callable[[World], Any]) -> Any:
        """Do something in a process of its own, and give what it gave: plain data.

        Raises:
            RuntimeError: It failed.
        """
        ours, theirs = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_run, args=(what, self.world, theirs))
        process.start()
        theirs.close()
        try:
            found = ours.recv()
        except EOFError:
            found = {"error": "it ended before its time"}
        process.join()
        if isinstance(found, dict) and "error" in found:
            raise RuntimeError(found["error"])
        return found

    def check(self, *, interrupted: bool = False) -> dict[str, Any]:
        """Check everything; nobody works meanwhile.

        Args:
            interrupted: Whether somebody may have been interrupted.
        """
        found = self.run(_check_interrupted if interrupted else _check)
        assert isinstance(found, dict)
        return found


def _check(world: World, *, interrupted: bool = False) -> dict[str, Any]:
    spans = world.warming.read_text("utf-8").split("\n")[:-1] if world.warming.is_file() else []
    warming = [(begin, end) for begin, end in (one.split() for one in spans)]
    with world.open("checker") as project:
        checker = Checker(project, read_logs(world), interrupted=interrupted, warming=warming)
        found = checker.check().to_dict()
    many = len(found["problems"])
    found["problems"] = [*found["problems"][:SHOWN], *([f"… and {many - SHOWN} more"] if many > SHOWN else [])]
    return found


def _check_interrupted(world: World) -> dict[str, Any]:
    return _check(world, interrupted=True)


def _run(what: Callable[[World], Any], world: World, pipe: Any) -> None:
    try:
        pipe.send(json.loads(json.dumps(what(world))))
    except BaseException:
        pipe.send({"error": traceback.format_exc()})
    sys.stdout.flush()
    os._exit(0)


def _work(world: World, work: Work) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = 0
    try:
        Worker(world, work).go()
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)
