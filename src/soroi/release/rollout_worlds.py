"""Simulated traffic of a rollout: keys that come back, rates that change with the hour, a challenger that is worse."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from soroi.release.rollout import BASE, CHALLENGER, RolloutPlan, Terms, is_challenger, unit_of
from soroi.release.rollout_guards import evidence_of
from soroi.release.rollout_tally import Tally

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Traffic:
    """Answers about keys that come back: some keys fall always, and all rates swing with the hour."""

    keys: int = 20_000
    """How many keys there are; frequent ones come a hundred times as often as rare ones."""

    falls: float = 0.01
    """Share of keys that fall with the base, every time."""

    acts: float = 0.2
    """Mean share of positive actions."""

    day: int = 4000
    """Answers in a day; within it, rates double and halve."""


@dataclass(frozen=True)
class Worse:
    """How much worse a challenger is. As it stands: not at all."""

    falls: float = 1.0
    """How many times as many keys fall."""

    slower: float = 1.0
    """How many times as long its answers take."""

    acts: float = 1.0
    """How many times as often it acts."""


@dataclass(frozen=True)
class Run:
    """What came of one simulated rollout."""

    broken: str | None
    """The guard that ended it; ``None``: it went through."""

    answers: int
    """Answers of both arms by then."""

    challenger: int
    """Those of the challenger."""

    step: int
    """Place of the step that it was at."""


class Asking:
    """Answers without end.

    Args:
        traffic: Who asks.
        worse: How the challenger differs.
        rollout: Id of the rollout, which salts the units.
        seed: Of the randomness.
    """

    def __init__(self, traffic: Traffic, worse: Worse, rollout: str, seed: int) -> None:
        self._rng = rng = np.random.default_rng(seed)
        self._traffic = traffic
        self._worse = {BASE: Worse(), CHALLENGER: worse}
        self._units = [unit_of(rollout, n) for n in range(traffic.keys)]
        often = np.geomspace(1.0, 100.0, traffic.keys)
        self._often = often / often.sum()
        self._proneness = rng.random(traffic.keys).tolist()
        self._liking = rng.beta(0.5, 0.5 / traffic.acts - 0.5, traffic.keys).tolist()

    def draw(self, begin: int, count: int, share: float) -> Iterator[dict[str, Any]]:
        """The next answers, each of the arm of its unit.

        Args:
            begin: Number of the first of them.
            count: How many.
            share: The challenger's share.
        """
        rng, traffic = self._rng, self._traffic
        asked = rng.choice(traffic.keys, size=count, p=self._often).tolist()
        drawn = zip(asked, rng.random((count, 2)).tolist(), rng.lognormal(1.0, 0.5, count).tolist(), strict=True)
        for number, (key, (mishap, whim), time) in enumerate(drawn, begin):
            swing = 2.0 ** math.sin(2.0 * math.pi * number / traffic.day)
            arm = CHALLENGER if is_challenger(self._units[key], share) else BASE
            worse = self._worse[arm]
            yield {
                "arm": arm,
                "unit": self._units[key],
                "at": _START + timedelta(seconds=number),
                "fell": self._proneness[key] < traffic.falls * worse.falls or mishap < 0.002 * worse.falls * swing,
                "positive": whim < self._liking[key] * worse.acts,
                "milliseconds": time * worse.slower * swing**0.3,
                "deadline_missed": False,
            }


def simulate(
    plan: RolloutPlan, traffic: Traffic, worse: Worse, *, seed: int, most: int, every: int = 100, latency: float = 7.0
) -> Run:
    """Run one rollout to its end: broken by a guard, or through after so many answers.

    Steps are taken after equal parts of the answers, looked at all the time, as an impatient owner would.

    Args:
        plan: Its plan.
        traffic: Who asks.
        worse: How the challenger differs.
        seed: Of the randomness.
        most: Answers after which it is through.
        every: How many answers lie between two looks.
        latency: The limit of the latency guard, in milliseconds.
    """
    rollout = f"rollout_{seed}"
    terms = Terms(plan, 1, {"check": latency})
    tally = Tally(rollout, terms)
    needed = math.log(1.0 / terms.error_each)
    asking, seen = Asking(traffic, worse, rollout, seed), 0
    for begin in range(0, most, every):
        step = begin * len(plan.steps) // most
        about = {"decision": "check", "rollout": rollout, "rollout_step": step}
        rows = [{**about, **row} for row in asking.draw(begin, every, plan.steps[step].share)]
        seen += sum(row["arm"] == CHALLENGER for row in rows)
        tally.add(rows)
        for watched in tally.watched["check"]:
            if evidence_of(watched) >= needed:
                return Run(watched.guard.name, begin + every, seen, step)
    return Run(None, most, seen, len(plan.steps) - 1)
