"""Answers against their deadline while a step sleeps, spins, allocates or raises, with many callers at once.

Run with ``python -m bench.deadlines``. Each kind is asked for some seconds by 64 threads, one request in ten telling
the step to do as its kind says (for 30 s, if nobody ends it); printed is how much later than the deadline answers came
(negative: sooner), and by what paths. ``machine`` is the 99.9th percentile by which another process of the same
priority, that does nothing but sleep for 10 ms, woke too late at the same time: what no server can be better than.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.projects import Tiny
from tests.serve.hanging_project import ORDERS, write

from soroi.serve import Engine, load_snapshot
from soroi.store import AnswerLog, RowLog

DEADLINE = 0.05
KINDS = ("sleep", "spin", "allocate", "raise")


def ask_for(engine: Engine, kind: str, callers: int, seconds: float) -> tuple[list[float], Counter[str]]:
    """Ask with many threads; gives how long each answer took, and how often each first outcome came."""
    taken: list[list[float]] = [[] for _ in range(callers)]
    paths: Counter[str] = Counter()
    end = time.monotonic() + seconds

    def call(caller: int) -> None:
        count = 0
        while time.monotonic() < end:
            count += 1
            told = (caller + count) % 10 == 0
            row = {"id": f"{caller}-{count}", "x": ORDERS[kind] if told else 0.5, "at": "2026-02-01T00:00:00Z"}
            began = time.perf_counter()
            (answer,) = engine.decide("check", [row])
            taken[caller].append(time.perf_counter() - began)
            paths[answer.path[0].outcome.value] += 1
            time.sleep(0.05)

    threads = [threading.Thread(target=call, args=(one,)) for one in range(callers)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sorted(value for some in taken for value in some), paths


_JITTER = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
late = []
while time.monotonic() < end:
    began = time.perf_counter()
    time.sleep(0.01)
    late.append((time.perf_counter() - began - 0.01) * 1000.0)
late.sort()
print(late[round(0.999 * (len(late) - 1))])
"""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--callers", type=int, default=64)
    options.add_argument("--seconds", type=float, default=15.0)
    options.add_argument("--workers", type=int, default=2, help="processes; 0: threads of the same process")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = Tiny(write(Path(folder) / "tiny", deadline=f"{DEADLINE * 1000:g}ms"))
        tiny.build()
        manifest = tiny.project.stage(everything=True).manifest
        assert manifest is not None
        snapshot = load_snapshot(tiny.project.store, manifest, module="tiny", home=tiny.folder)
        head = " ".join(f"{name:>8}" for name in ("answers", "p50", "p99", "p99.9", "most", "machine"))
        print(f"{'kind':10} {head}  (ms later than the deadline)")
        for kind in KINDS:
            root = Path(folder) / kind
            engine = Engine(AnswerLog(root), RowLog(tiny.project.config.store), step_workers=chosen.workers)
            engine.switch(snapshot, environment="production", revision=1)
            ask_for(engine, "raise", 2, 1.0)
            command = [sys.executable, "-c", _JITTER, str(chosen.seconds)]
            jitter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            taken, paths = ask_for(engine, kind, chosen.callers, chosen.seconds)
            machine = float(jitter.communicate()[0])
            last = len(taken) - 1
            late = [(taken[round(share * last)] - DEADLINE) * 1000.0 for share in (0.5, 0.99, 0.999, 1.0)]
            told = ", ".join(f"{name} {count}" for name, count in paths.most_common())
            figures = " ".join(f"{one:8.1f}" for one in (*late, machine))
            print(f"{kind:10} {len(taken):8} {figures}  {told}", flush=True)
            engine.close()
        tiny.close()


if __name__ == "__main__":
    main()
