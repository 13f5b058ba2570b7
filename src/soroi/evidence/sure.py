"""The sure band: scores at which a quick model's answer may stand, and between which a better one is asked."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from soroi.base.errors import DataError
from soroi.declare.objective import Constraint
from soroi.evidence.binomial import share_figure
from soroi.evidence.curve import Candidates, candidates
from soroi.evidence.figure import ALWAYS, NEVER, Figure
from soroi.evidence.sample import Booleans, Floats, as_confidence, paired
from soroi.evidence.sequence import accepted, bounds, trials


class SureBand(msgspec.Struct, frozen=True, kw_only=True):
    """Where quick answers stand: at scores at or below ``low`` (negative) and at or above ``high`` (positive)."""

    low: float
    """Negative answers stand at or below this score. ``ALWAYS`` (minus the largest float) when none do."""

    high: float
    """Positive answers stand at or above this score. ``NEVER`` (the largest float) when none do."""

    coverage: Figure
    """Share of the rows whose quick answer stands."""

    error_bound: float | None
    """Upper bound of the share of wrong answers among those that stand, on either side, with the confidence asked.
    ``None`` when none stand."""

    confidence: float
    """The confidence asked."""

    def sure(self, score: Floats) -> Booleans:
        """Whether the quick answer stands, bool (n,), at scores float (n,)."""
        return np.asarray((score <= self.low) | (score >= self.high), dtype=np.bool_)


def sure_band(y: npt.ArrayLike, score: npt.ArrayLike, threshold: float, *, error: float, confidence: float) -> SureBand:
    """Find the widest sure sides whose answers are wrong at most a share ``error`` of the time.

    Positive answers (at or above ``high`` ≥ ``threshold``) and negative answers (at or below ``low`` <
    ``threshold``) each keep the error on their own, so neither side hides behind the other. Each side is a search
    for a precision of ``1 - error`` (see :mod:`soroi.evidence.sequence`) with half of ``1 - confidence``.

    Args:
        y: What turned out, bool (n,), on rows that the model did not see.
        score: Scores, float (n,).
        threshold: Where the quick answer turns positive.
        error: Greatest share of wrong answers among those that stand, in (0, 1).
        confidence: Probability with which both sides keep it on future rows like these, in (0, 1).

    Raises:
        DataError: No rows; labels, scores, error or confidence that are not what they should be.
    """
    what = "the sure band"
    labels, scores = paired(y, score, what=what)
    as_confidence(confidence, what=what)
    if not 0.0 < error < 1.0:
        raise DataError(f"the error of {what} is {error}, not between 0 and 1")
    if not labels.size:
        raise DataError(f"{what} has no rows to fit on", hint="widen the calibration part of the split")
    share = (1.0 - confidence) / 2.0
    high, wrong_high = _side(candidates(labels, scores), threshold, error, share)
    # The lower side is the upper side of the mirror image; a score equal to the threshold is a positive answer.
    below = float(np.nextafter(-threshold, np.inf)) if abs(threshold) < NEVER else -threshold
    mirrored, wrong_low = _side(candidates(~labels, -scores), below, error, share)
    low = -mirrored
    standing = int(np.count_nonzero((scores <= low) | (scores >= high)))
    found = [one for one in (wrong_high, wrong_low) if one is not None]
    return SureBand(
        low=low,
        high=high,
        coverage=share_figure(
            "coverage", standing, labels.size, confidence=confidence, positives=int(labels.sum()),
            part="calibration",
        ),
        error_bound=max(found) if found else None,
        confidence=confidence,
    )  # fmt: skip


def _side(cuts: Candidates, threshold: float, error: float, share: float) -> tuple[float, float | None]:
    """Lowest cut at or above a threshold with few enough wrong answers, and the bound of their share."""
    wanted = Constraint("precision", ">=", 1.0 - error)
    found, level = accepted(cuts, wanted, share)
    inside = (cuts.thresholds[found] >= threshold) if threshold > ALWAYS else np.ones(found.size, dtype=np.bool_)
    if not inside.any():
        return NEVER, None
    last = int(np.flatnonzero(inside)[-1])
    chosen = found[[last]]
    hits, of = trials(cuts, wanted)
    right = bounds(hits[chosen], of[chosen], wanted, level[[last]])
    return float(cuts.thresholds[chosen[0]]), 1.0 - float(right[0])
