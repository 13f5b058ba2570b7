"""Fitting a threshold: the best one among those shown to keep the constraint."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from soroi.base.errors import DataError, DeclarationError
from soroi.declare.objective import Constraint, Objective
from soroi.evidence.actions import count_figures
from soroi.evidence.binomial import lower_bound
from soroi.evidence.calibration import CalibrationMap, fit_calibration
from soroi.evidence.curve import Candidates, OperatingCurve, candidates
from soroi.evidence.figure import ALWAYS, NEVER, Figure
from soroi.evidence.needed import needed_more
from soroi.evidence.sample import Floats, Integers, as_confidence, paired
from soroi.evidence.sequence import accepted, bounds, trials

CONSTRAINABLE = ("recall", "precision", "false_positive_rate", "alert_rate")
"""Metrics a constraint can be on: shares whose binomial tail is exact."""

MAXIMISABLE = ("recall", "precision", "alert_rate", "accuracy", "f1")
"""Metrics that can be maximised."""

_MOST_BOUNDS = 4000


class ThresholdFit(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted threshold with what is known about it. Encodes as JSON as it is: every float is finite."""

    value: float
    """A row is acted on when its score is at or above this. ``NEVER`` (the largest float) when nothing is acted on,
    ``ALWAYS`` (its negative) when everything is: JSON has no infinity."""

    met: bool
    """Whether the constraint is shown to hold. Without a constraint, true."""

    bound: float | None
    """Confidence bound of the constrained metric at ``value``, on the constraint's side, at the error that this
    threshold was tested with. ``None`` without a constraint or when it is not met."""

    objective: str
    """What was asked for, in words."""

    figures: tuple[Figure, ...]
    """Figures at ``value`` on the fitting rows. They were looked at to choose, so they flatter a little."""

    curve: OperatingCurve
    """What other thresholds would have done."""

    calibration: CalibrationMap
    """From score to probability."""

    needed: int | None
    """When not met: about how many more rows of the kind the constraint counts (positives for recall and precision,
    negatives for false_positive_rate, any for alert_rate) would be enough. ``None`` when met, or when the scores
    do not reach the level however many rows there are."""

    reason: str
    """Why this value, in a sentence."""

    @property
    def never(self) -> bool:
        """Whether nothing is acted on."""
        return self.value >= NEVER

    @property
    def always(self) -> bool:
        """Whether everything is acted on."""
        return self.value <= ALWAYS


def fit_threshold(y: npt.ArrayLike, score: npt.ArrayLike, objective: Objective, *, what: str) -> ThresholdFit:
    """Choose the threshold that does best by an objective, on rows that the model did not see.

    With a constraint, only thresholds are looked at that keep it on future rows like these: the probability
    that the chosen one breaks it is at most ``1 - objective.confidence`` (see :mod:`soroi.evidence.sequence`).
    Rows must be independent; take one per cluster when they are not. A maximised precision counts by its lower
    bound, so that two lucky alerts do not win. When no threshold can be shown to keep the constraint the fit is not
    met and its value is ``NEVER``.

    Args:
        y: What turned out, bool (n,).
        score: Scores, higher is likelier, finite, float (n,).
        objective: What to maximise, subject to what, with what confidence.
        what: What the threshold is of, for messages.

    Raises:
        DeclarationError: The objective maximises or constrains a metric that cannot be.
        DataError: No rows, or labels or scores that are not what they should be.
    """
    _check(objective, what)
    labels, scores = paired(y, score, what=what)
    if not labels.size:
        raise DataError(f"{what} has no rows to fit on", hint="widen the calibration part of the split")
    cuts = candidates(labels, scores)
    constraint = objective.subject_to
    if constraint is None:
        allowed, error = np.arange(cuts.alerts.size), np.zeros(cuts.alerts.size)
    else:
        allowed, error = accepted(cuts, constraint, 1.0 - objective.confidence)
    met = bool(allowed.size)
    best = _best(cuts, allowed, objective) if met else 0
    chosen = int(allowed[best]) if met else 0
    bound = _bound(cuts, constraint, chosen, float(error[best])) if met and constraint is not None else None
    needed = None if met or constraint is None else needed_more(cuts, constraint, 1.0 - objective.confidence)
    figures = count_figures(
        int(cuts.tp[chosen]), int(cuts.alerts[chosen]), cuts.positives, cuts.n,
        confidence=objective.confidence, part="calibration",
    )  # fmt: skip
    return ThresholdFit(
        value=float(cuts.thresholds[chosen]),
        met=met,
        bound=bound,
        objective=_words(objective),
        figures=tuple(figures),
        curve=cuts.curve(chosen),
        calibration=fit_calibration(labels, scores, what=what),
        needed=needed,
        reason=_reason(cuts, objective, met, bound, needed),
    )


def _check(objective: Objective, what: str) -> None:
    as_confidence(objective.confidence, what=what)
    if objective.maximise.name not in MAXIMISABLE:
        raise DeclarationError(
            f"{what} maximises {objective.maximise.name}", hint="maximise one of " + ", ".join(MAXIMISABLE)
        )
    constraint = objective.subject_to
    if constraint is not None and constraint.metric not in CONSTRAINABLE:
        raise DeclarationError(
            f"{what} is subject to {constraint}, which has no exact test",
            hint="constrain one of " + ", ".join(CONSTRAINABLE),
        )


def _best(cuts: Candidates, allowed: Integers, objective: Objective) -> int:
    """Position in ``allowed`` of the best cut; of equals, the one with the fewest alerts."""
    metric = objective.maximise.name
    positions = np.arange(allowed.size)
    if metric == "precision" and allowed.size > _MOST_BOUNDS:
        positions = np.unique(np.linspace(0, allowed.size - 1, _MOST_BOUNDS).astype(np.int64))
    tp, alerts = cuts.tp[allowed[positions]], cuts.alerts[allowed[positions]]
    if metric == "precision":
        worth = lower_bound(tp, alerts, 1.0 - objective.confidence)
    elif metric == "f1":
        worth = 2.0 * tp / np.maximum(alerts + cuts.positives, 1)
    else:
        worth = {"recall": tp, "alert_rate": alerts, "accuracy": 2.0 * tp - alerts}[metric].astype(np.float64)
    return int(positions[np.argmax(worth)])


def _bound(cuts: Candidates, constraint: Constraint, chosen: int, error: float) -> float:
    hits, of = trials(cuts, constraint)
    spent: Floats = np.asarray([error])
    return float(bounds(hits[[chosen]], of[[chosen]], constraint, spent)[0])


def _words(objective: Objective) -> str:
    if objective.subject_to is None:
        return f"maximise {objective.maximise.name}"
    return (
        f"maximise {objective.maximise.name} subject to {objective.subject_to} with confidence {objective.confidence:g}"
    )


def _reason(cuts: Candidates, objective: Objective, met: bool, bound: float | None, needed: int | None) -> str:
    rows = f"{cuts.n} rows with {cuts.positives} positives"
    if objective.subject_to is None:
        return f"{objective.maximise.name} is highest here, on {rows}"
    if met:
        side = "at least" if objective.subject_to.operator == ">=" else "at most"
        return (
            f"{objective.maximise.name} is highest here among the thresholds shown to keep "
            f"{objective.subject_to}: it is {side} {bound:.4g} with confidence {objective.confidence:g}, on {rows}"
        )
    start = f"no threshold could be shown to keep {objective.subject_to} on {rows}, so nothing is acted on: "
    kind = {"false_positive_rate": "negatives", "alert_rate": "rows"}.get(objective.subject_to.metric, "positives")
    if needed is None:
        return start + "the scores do not reach it here, and more rows alone would not help"
    return start + f"about {needed} more {kind} would be needed"
