"""Exact binomial tails, bounds and intervals (Clopper and Pearson 1934), vectorised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from soroi.evidence.figure import Figure
from soroi.evidence.sample import Floats


def upper_tail(hits: npt.ArrayLike, trials: npt.ArrayLike, share: float) -> Floats:
    """P(X ≥ hits) for X binomial(trials, share): the p-value against "the share is at most ``share``".

    Args:
        hits: Counts in [0, trials], any shape.
        trials: Counts of trials, broadcast with ``hits``. With no trials the tail is 1.
        share: Success probability in [0, 1].
    """
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    tail = special.betainc(np.maximum(k, 1.0), n - np.minimum(k, n) + 1.0, share)
    return np.where(k <= 0, 1.0, tail)


def lower_tail(hits: npt.ArrayLike, trials: npt.ArrayLike, share: float) -> Floats:
    """P(X ≤ hits) for X binomial(trials, share): the p-value against "the share is at least ``share``"."""
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    return upper_tail(n - k, n, 1.0 - share)


def lower_bound(hits: npt.ArrayLike, trials: npt.ArrayLike, error: npt.ArrayLike) -> Floats:
    """One-sided lower bound of a share that fails with probability at most ``error``. 0 without trials."""
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    bound = special.betaincinv(np.maximum(k, 1.0), n - np.minimum(k, n) + 1.0, error)
    return np.where(k <= 0, 0.0, bound)


def upper_bound(hits: npt.ArrayLike, trials: npt.ArrayLike, error: npt.ArrayLike) -> Floats:
    """One-sided upper bound of a share that fails with probability at most ``error``. 1 without trials."""
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    return 1.0 - lower_bound(n - k, n, error)


def share_figure(name: str, hits: int, trials: int, *, confidence: float, positives: int | None, part: str) -> Figure:
    """A share with its exact two-sided interval. A share of nothing has no value and the interval [0, 1]."""
    error = (1.0 - confidence) / 2.0
    return Figure(
        name=name,
        value=hits / trials if trials else None,
        low=float(lower_bound(hits, trials, error)),
        high=float(upper_bound(hits, trials, error)),
        confidence=confidence,
        n=trials,
        positives=positives,
        method="clopper-pearson",
        part=part,
    )
