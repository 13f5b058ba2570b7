"""What the recorded answers say of a rollout: counts by decision, guard, step and arm.

A unit (a value of the key) counts once for each guard, by its first event: several answers to one passenger are not
several facts. What is counted follows from the set of answers alone, in whatever order they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soroi.evidence.anytime import Stratum, bet, stakes
from soroi.evidence.sample import Floats
from soroi.release.rollout import BASE, CHALLENGER, EACH_ANSWER, SHADOW, Guard, Terms

_PAIRED = 0.5
"""Of two answers to one request of which one had an event, either is the shadow's with this probability."""


@dataclass(frozen=True)
class Known:
    """The outcome of one answer, once it is known."""

    decision: str
    """Id of the decision."""

    unit: str
    """The unit that was answered, as recorded with the answer."""

    step: int
    """Place of the step at which it was answered."""

    arm: str
    """Arm of the answer."""

    at: datetime
    """When it was answered."""

    outcome: str
    """Name of the figure."""

    value: float
    """Its value. Of a figure that says whether the answer was wrong: 1 or 0."""


class Firsts:
    """The first event of each unit, as counts by step and arm.

    Args:
        alone: Whether every answer is a unit of its own, so that none comes twice.
    """

    def __init__(self, alone: bool) -> None:
        self._alone = alone
        self._first: dict[str, tuple[datetime, int, bool]] = {}
        self.counts: Counter[tuple[int, bool]] = Counter()
        """Units by step, and whether they are the challenger's."""

    def add(self, unit: str, at: datetime, step: int, challenger: bool) -> None:
        """Take an event into account."""
        if not self._alone:
            seen = self._first.get(unit)
            if seen is not None:
                if seen <= (at, step, challenger):
                    return
                self.counts[seen[1:]] -= 1
            self._first[unit] = (at, step, challenger)
        self.counts[step, challenger] += 1


class Watched:
    """What one guard saw of one decision.

    Args:
        guard: The guard.
        terms: What the rollout was begun under.
        limit: The limit of the decision's latency, in milliseconds.
    """

    def __init__(self, guard: Guard, terms: Terms, limit: float) -> None:
        alone = terms.plan.key == EACH_ANSWER and not guard.waits_for_outcomes  # outcomes are told again and again
        self.guard = guard
        self._limit = limit
        self._paired = terms.plan.mode == SHADOW
        self._shares = [_PAIRED if self._paired else one.share for one in terms.plan.steps]
        self._events = Firsts(alone)
        self._answered = Firsts(alone)
        self._hit = Firsts(alone)
        self._values: dict[str, tuple[datetime, int, bool, float]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a recorded answer into account."""
        mine = self._event(record)
        unit, at, step, arm = record["unit"], record["at"], record["rollout_step"], record["arm"]
        if self.guard.most is not None:
            if arm != BASE:
                self._answered.add(unit, at, step, True)
                if mine:
                    self._hit.add(unit, at, step, True)
        elif arm == SHADOW:
            if mine != self._event(record["against"]):
                self._events.add(unit, at, step, mine)
        elif mine and not self._paired:
            self._events.add(unit, at, step, arm == CHALLENGER)

    def learn(self, known: Known) -> None:
        """Take a known outcome into account."""
        challenger = known.arm == CHALLENGER
        if self.guard.measure == "quality":
            if known.value > 0.0:
                self._events.add(known.unit, known.at, known.step, challenger)
            return
        low, high = self.guard.low, self.guard.high
        scaled = (min(max(known.value, low), high) - low) / (high - low)
        new = (known.at, known.step, challenger, scaled)
        self._values[known.unit] = min(self._values.get(known.unit, new), new)

    @property
    def strata(self) -> list[Stratum]:
        """Units with an event, by the share at which they had it."""
        counts = self._events.counts
        return [
            Stratum(share, counts[step, True], counts[step, False])
            for step, share in enumerate(self._shares)
            if counts[step, True] or counts[step, False]
        ]

    @property
    def trials(self) -> tuple[int, int]:
        """Of the challenger alone: units that had an event, and all of them."""
        return sum(self._hit.counts.values()), sum(self._answered.counts.values())

    @property
    def capital(self) -> Floats:
        """The log capital of the bets that the challenger's mean is lower."""
        found = stakes()
        for _, step, challenger, value in self._values.values():
            found = bet(found, value, challenger, self._shares[step])
        return found

    @property
    def means(self) -> dict[str, tuple[float, int]]:
        """Mean (scaled to [0, 1]) and number of the known outcomes by arm."""
        found: dict[str, list[float]] = {BASE: [], CHALLENGER: []}
        for _, _, challenger, value in self._values.values():
            found[CHALLENGER if challenger else BASE].append(value)
        return {arm: (sum(values) / len(values), len(values)) for arm, values in found.items() if values}

    def _event(self, answer: Mapping[str, Any]) -> bool:
        measure = self.guard.measure
        if measure == "errors":
            return bool(answer["fell"])
        if measure == "latency":
            return bool(answer["milliseconds"] > self._limit or answer["deadline_missed"])
        if measure == "actions":
            return bool(answer["positive"])
        if measure == "disagreement":
            return "against" in answer and answer["action"] != answer["against"]["action"]
        return False  # outcomes come later, by another way


class Tally:
    """What was seen of a rollout so far.

    Args:
        rollout: Its id; answers of others are passed over.
        terms: What it was begun under.
    """

    def __init__(self, rollout: str, terms: Terms) -> None:
        self._rollout = rollout
        self.terms = terms
        self.answers: Counter[tuple[str, int, str]] = Counter()
        """Answers by decision, step and arm."""
        self.watched: dict[str, list[Watched]] = {
            decision: [Watched(guard, terms, guard.over or limit) for guard in terms.plan.guards]
            for decision, limit in terms.latency.items()
        }
        """What each guard saw, by decision."""

    def add(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Take recorded answers into account."""
        for one in answers:
            decision = one["decision"]
            if one.get("rollout") != self._rollout or decision not in self.watched:
                continue
            if not 0 <= one["rollout_step"] < len(self.terms.plan.steps):
                continue
            self.answers[decision, one["rollout_step"], one["arm"]] += 1
            for watched in self.watched[decision]:
                if not watched.guard.waits_for_outcomes:
                    watched.add(one)

    def learn(self, outcomes: Iterable[Known]) -> None:
        """Take outcomes into account."""
        for one in outcomes:
            for watched in self.watched.get(one.decision, ()):
                if watched.guard.waits_for_outcomes and watched.guard.outcome == one.outcome:
                    watched.learn(one)

    def at_step(self, step: int) -> dict[str, int]:
        """Answers of each arm at a step."""
        found: Counter[str] = Counter()
        for (_, place, arm), count in self.answers.items():
            if place == step:
                found[arm] += count
        return dict(sorted(found.items()))
