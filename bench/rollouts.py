"""How often guards end a rollout whose challenger is as good, and after how many answers one that is worse.

    python bench/rollouts.py [--runs 200] [--answers 30000]

Traffic: 20,000 keys that come back (frequent ones a hundred times as often), some of which always fall, rates that
double and halve within a day, looks after every 100 answers. The rate of equal challengers that are ended should be
at most .05.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from soroi.release.rollout import Guard, RolloutPlan
from soroi.release.rollout_worlds import Run, Traffic, Worse, simulate

MEASURES = ("errors", "latency", "actions")
STEPS = [0.01, 0.05, 0.25]
STRICT = RolloutPlan.of("key", steps=STEPS, guards=[Guard(one, tolerance=1.0) for one in MEASURES])  # type: ignore[arg-type]
CANARY = RolloutPlan.of("key", steps=STEPS)
HALF = RolloutPlan.of("key", mode="split", steps=[0.5])

CASES: list[tuple[str, RolloutPlan, Traffic, Worse]] = [
    ("equal, nothing tolerated, 1-5-25 %", STRICT, Traffic(), Worse()),
    ("equal, nothing tolerated, few keys", STRICT, Traffic(keys=600), Worse()),
    ("equal, default guards, 1-5-25 %", CANARY, Traffic(), Worse()),
    ("equal, default guards, split in half", HALF, Traffic(), Worse()),
    ("better: half as many fall", CANARY, Traffic(), Worse(falls=0.5)),
    ("latency: 1.5 times as slow", CANARY, Traffic(), Worse(slower=1.5)),
    ("latency: 2.5 times as slow", CANARY, Traffic(), Worse(slower=2.5)),
    ("errors: 4 times as many", CANARY, Traffic(), Worse(falls=4.0)),
    ("errors: 10 times as many", CANARY, Traffic(), Worse(falls=10.0)),
    ("actions: twice as many", CANARY, Traffic(), Worse(acts=2.0)),
    ("actions: a third", CANARY, Traffic(), Worse(acts=0.33)),
    ("errors: 4 times as many, split in half", HALF, Traffic(), Worse(falls=4.0)),
]


def several(case: tuple[str, RolloutPlan, Traffic, Worse], runs: int, most: int) -> tuple[str, list[Run]]:
    """All runs of one case."""
    name, plan, traffic, worse = case
    return name, [simulate(plan, traffic, worse, seed=seed, most=most) for seed in range(runs)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--answers", type=int, default=30_000)
    options = parser.parse_args()
    begun = time.perf_counter()
    print(f"{options.runs} runs each, of at most {options.answers} answers\n")
    print(f"{'case':42} {'ended':>7} {'by':>8} {'answers, median':>16} {'of the challenger':>18} {'90 %':>8}")
    with ProcessPoolExecutor(2) as pool:
        for name, runs in pool.map(partial(several, runs=options.runs, most=options.answers), CASES):
            ended = [one for one in runs if one.broken is not None]
            by = statistics.mode(one.broken or "" for one in ended) if ended else "–"
            total, mine = [one.answers for one in ended], sorted(one.challenger for one in ended)
            middle = f"{statistics.median(total):.0f}" if ended else "–"
            theirs = f"{statistics.median(mine):.0f}" if ended else "–"
            most = f"{mine[int(0.9 * (len(mine) - 1))]}" if ended else "–"
            share = len(ended) / len(runs)
            print(f"{name:42} {share:7.3f} {by:>8} {middle:>16} {theirs:>18} {most:>8}", flush=True)
    print(f"\n{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
