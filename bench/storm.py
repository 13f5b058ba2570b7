"""Many at once on one project, and kills at random moments: whether everything stays as it must be.

    python bench/storm.py [--operations 10000] [--back-end sqlite|postgresql] [--processes 16]
    python bench/storm.py --kills 500 [--of processes|postgresql|objects]

The first has processes release, stage, roll back, build, read and collect at once, each choosing at random, on a tiny
project that is really built. The second kills them with signal 9 at random moments, or the database, or the object
store, and lets them go on. Either way a model replays the recorded history (bench/storming/model.py), and everything
that anybody saw, all manifests that were ever live and all stored bytes are held against it
(bench/storming/checker.py). Ends with 1 when anything is not as it must be.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: its folder holds a module called statistics, which hides Python's own
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import os
import tempfile
import time
from typing import Any

from tests.backends import SECRETS, Postgres

from bench.storming.hands import Hands
from bench.storming.killing import KILLED, kill_many
from bench.storming.work import Work
from bench.storming.world import World, prepare

BACK_ENDS = ("sqlite", "postgresql")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Run a storm, or kill; tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=10_000, help="of all together; default: %(default)s")
    parser.add_argument("--back-end", choices=BACK_ENDS, default="sqlite", help="the catalogue; default: %(default)s")
    parser.add_argument("--processes", type=int, default=16, help="at once; default: %(default)s")
    parser.add_argument("--kills", type=int, help="kill so many times instead")
    parser.add_argument("--of", choices=KILLED, default="processes", help="what is killed; default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of all choices; default: %(default)s")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args()
    few_threads()
    os.environ.update(SECRETS)
    with tempfile.TemporaryDirectory(prefix="soroi-storm-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "project"
        if given.kills:
            found = kill_many(folder, given.of, given.kills, given.seed, given.back_end)
        else:
            found = storm(folder, given)
    show(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 0 if found["verdict"]["legal"] else 1


def few_threads() -> None:
    """Let every process use one thread for its sums: libraries look when they are imported, so begin again."""
    wanted = dict.fromkeys(THREADS, "1")
    if not wanted.items() <= os.environ.items():
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def storm(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Let many work at once, then check."""
    if given.back_end == "sqlite":
        return _storm(World(folder), given)
    with Postgres() as server:
        return _storm(World(folder, server.fresh()), given)


def _storm(world: World, given: argparse.Namespace) -> dict[str, Any]:
    hands = Hands(world)
    hands.run(prepare)
    began = time.perf_counter()
    share, more = divmod(given.operations, given.processes)
    for place in range(given.processes):
        hands.begin(Work(f"worker-{place}", given.seed * 1_000 + place, share + (place < more)))
    codes = hands.wait()
    took = time.perf_counter() - began
    verdict = hands.check()
    verdict["problems"] += [f"a process ended with {one}" for one in codes if one]
    verdict["legal"] = not verdict["problems"]
    figures = {"back end": given.back_end, "processes": given.processes, "seconds": round(took, 1)}
    return {**figures, "operations per second": round(given.operations / took, 1), "verdict": verdict}


def show(found: dict[str, Any]) -> None:
    """Print what came of it."""
    verdict = found["verdict"]
    for name, value in {**found, **verdict["counts"]}.items():
        if name != "verdict":
            print(f"{name:>24}  {value:,}" if isinstance(value, int) else f"{name:>24}  {value}")
    for kind, outcomes in verdict["outcomes"].items():
        print(f"{kind:>24}  {', '.join(f'{count:,} {name}' for name, count in outcomes.items())}")
    for one in verdict["problems"][:20]:
        print(f"WRONG: {one}")
    wrong = len(verdict["problems"])
    print("Everything is as it must be." if verdict["legal"] else f"{wrong} things are not as they must be.")


if __name__ == "__main__":
    sys.exit(main())
