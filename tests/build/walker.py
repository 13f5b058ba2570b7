"""A process that builds, stages, releases and rolls back without end, to be killed at any moment.

It loads everything once, then forks a walker for each line on its standard input: ``SEED`` for one that builds within
its process, ``SEED pool`` for one that builds in processes of its own. It tells the walker's number, and when it ended.
What a walker was told is done it writes to the file ``done`` in the project's folder.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import sklearn.linear_model  # noqa: F401 (loaded once, for all walkers)
from tests.projects import InlineExecutor, Tiny

import soroi.build.local
import soroi.build.worker
from soroi.build.executor import Executor
from soroi.store import HeadRecord


def walk(folder: Path, chance: random.Random, executor: Callable[[], Executor]) -> None:
    """Go on until killed."""
    done = os.open(folder / "done", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(what: str, which: str | None) -> None:
        os.write(done, f"{what} {which}\n".encode())

    tiny = Tiny(folder)
    while True:
        turn = chance.random()
        if turn < 0.15:
            tiny.build(force=True, executor=executor())
        elif turn < 0.3 and tiny.live() is not None:
            tiny.attempt("items", refresh=True, executor=executor())
            back = [one.manifest for one in history(tiny) if one.manifest != tiny.live()]
            if back:
                tell("live", tiny.project.rollback(to=chance.choice(back)).head.manifest)
        strength = round(chance.uniform(0.01, 2.0), 3)
        for record in tiny.build("guess", set={"guess": {"strength": strength}}, executor=executor()).versions.values():
            tell("version", record.id)
            tell("staged", str(tiny.project.stage(record.id).revision))
        follow = tiny.build(behind=True, executor=executor())
        if follow.versions:
            tiny.project.stage(*(record.id for record in follow.versions.values()))
        tell("live", tiny.project.release().head.manifest)


def history(tiny: Tiny) -> list[HeadRecord]:
    """The moves of production, newest first."""
    with tiny.project.store.catalogue.read() as tx:
        return list(tx.heads.history("production"))


def main() -> None:
    """Fork walkers as told."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        seed, *pool = line.split()
        walker = os.fork()
        if walker == 0:
            executor = (lambda: soroi.build.local.LocalExecutor(1)) if pool else InlineExecutor
            walk(folder, random.Random(int(seed)), executor)
        print(walker, flush=True)
        _, status = os.waitpid(walker, 0)
        print("killed" if os.WIFSIGNALED(status) else f"ended by itself: {status}", flush=True)


if __name__ == "__main__":
    main()
