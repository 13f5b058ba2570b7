"""Guards: what the counts of a rollout prove, at any time and however often they are looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from soroi.base.reason import Reason
from soroi.evidence.anytime import above, lower_mean, more, other, ratio_interval
from soroi.release.rollout import BASE, CHALLENGER
from soroi.release.rollout_tally import Tally, Watched


@dataclass(frozen=True)
class Reading:
    """What one guard says of one decision."""

    decision: str
    """Id of the decision."""

    guard: str
    """Name of the guard."""

    broken: bool
    """Whether it is proven that the challenger is worse than tolerated."""

    log_evidence: float
    """Logarithm of the e-value: how much speaks for it."""

    needed: float
    """From where on it is proven: ``log(1 / error)`` of this guard."""

    low: float
    """Lower end of the ratio of rates, challenger to base (of a share or a mean: the figure itself)."""

    high: float | None
    """Upper end; ``None``: none."""

    challenger: int
    """Units of the challenger that had an event (of a mean: outcomes)."""

    base: int
    """Units of the base that had one (of a share: units of the challenger that had none)."""

    text: str
    """The reading in one sentence."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def reason(self) -> Reason:
        """The reading as a reason."""
        return Reason("guard", self.text, self.decision, facts=self.to_dict())


def readings(tally: Tally) -> list[Reading]:
    """What every guard says of every decision. Together they err with at most the rollout's error, over all looks."""
    needed = math.log(1.0 / tally.terms.error_each)
    return [_read(decision, one, needed) for decision, several in tally.watched.items() for one in several]


def evidence_of(watched: Watched) -> float:
    """How much speaks for a guard being broken: the logarithm of an e-value."""
    guard = watched.guard
    if guard.measure == "business":
        return lower_mean(watched.capital)
    if guard.most is not None:
        return above(*watched.trials, guard.most)
    return (other if guard.measure == "actions" else more)(watched.strata, guard.tolerance)


def _read(decision: str, watched: Watched, needed: float) -> Reading:
    guard = watched.guard
    if guard.measure == "business":
        return _mean(decision, watched, needed)
    if guard.most is not None:
        return _share(decision, watched, needed)
    strata, evidence = watched.strata, evidence_of(watched)
    low, high = ratio_interval(strata, 2.0 * math.exp(-needed))
    mine, theirs = sum(one.challenger for one in strata), sum(one.base for one in strata)
    so = "more or fewer" if guard.measure == "actions" else "more"
    text = (
        f"'{decision}', {guard.name}: {mine} of the challenger, {theirs} of the base; "
        f"{_ends(low, high)} times as often, tolerated are {guard.tolerance:g} times {so}"
    )
    ends = None if math.isinf(high) else high
    return Reading(decision, guard.name, evidence >= needed, evidence, needed, low, ends, mine, theirs, text)


def _share(decision: str, watched: Watched, needed: float) -> Reading:
    guard = watched.guard
    assert guard.most is not None
    hits, trials = watched.trials
    evidence = evidence_of(watched)
    share = hits / trials if trials else 0.0
    text = f"'{decision}', {guard.name}: {hits} of {trials} of the challenger ({share:.3g}), at most {guard.most:g}"
    return Reading(decision, guard.name, evidence >= needed, evidence, needed, share, share, hits, trials - hits, text)


def _mean(decision: str, watched: Watched, needed: float) -> Reading:
    guard, means = watched.guard, watched.means
    evidence = evidence_of(watched)
    span = guard.high - guard.low
    (mine, m), (theirs, n) = (means.get(arm, (0.0, 0)) for arm in (CHALLENGER, BASE))
    low, high = guard.low + mine * span, guard.low + theirs * span
    told = f"mean {low:.4g} of {m} outcomes of the challenger, {high:.4g} of {n} of the base"
    text = f"'{decision}', {guard.name}: {told if m and n else 'no outcomes of both arms are known yet'}"
    return Reading(decision, guard.name, evidence >= needed, evidence, needed, low, low, m, n, text)


def _ends(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}" if math.isfinite(high) else f"at least {low:.2g}"
