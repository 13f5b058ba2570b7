"""Guards kept to their promise by seeded simulation; ``bench/rollouts.py`` has the whole of it."""

from __future__ import annotations

import pytest

from soroi.release.rollout import Guard, RolloutPlan
from soroi.release.rollout_worlds import Run, Traffic, Worse, simulate

STRICT = RolloutPlan.of(
    "key", steps=[0.1, 0.25, 0.5], guards=[Guard(one, tolerance=1.0) for one in ("errors", "latency", "actions")]
)
"""Guards that tolerate nothing: an equal challenger is at the very edge of what they forbid."""

CANARY = RolloutPlan.of("key", steps=[0.05, 0.25, 0.5])
"""Guards as they are by default."""

TRAFFIC = Traffic(keys=600, day=1000)


def test_an_equal_challenger_is_ended_in_at_most_five_percent_of_runs_looked_at_all_the_time() -> None:
    runs = [simulate(STRICT, TRAFFIC, Worse(), seed=seed, most=1500, every=50) for seed in range(200)]
    assert sum(one.broken is not None for one in runs) <= 10


@pytest.mark.parametrize(
    ("worse", "guard"),
    [(Worse(slower=2.5), "latency"), (Worse(falls=8.0), "errors"), (Worse(acts=2.5), "actions")],
)
def test_a_worse_challenger_is_ended_by_the_guard_for_it(worse: Worse, guard: str) -> None:
    runs = [simulate(CANARY, Traffic(), worse, seed=seed, most=12_000) for seed in range(3)]
    assert [one.broken for one in runs] == [guard] * 3
    assert max(one.answers for one in runs) < 12_000
    assert max(one.challenger for one in runs) < 2500


def test_a_run_that_goes_through_says_so() -> None:
    run = simulate(CANARY, TRAFFIC, Worse(), seed=1, most=300)
    assert (run.broken, run.answers, run.step) == (None, 300, 2)
    assert isinstance(run, Run)
