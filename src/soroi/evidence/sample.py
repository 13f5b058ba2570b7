"""Checks what comes in: labels that are true or false, scores that are finite, lengths that agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soroi.base.errors import DataError

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def as_booleans(values: npt.ArrayLike, *, name: str, what: str) -> Booleans:
    """Values as booleans, shape (n,). Takes booleans, or numbers that are all 0 or 1.

    Args:
        values: Labels or actions.
        name: What the values are, for messages.
        what: What they are for, for messages.

    Raises:
        DataError: Not one-dimensional, or something that is neither true nor false (a null is neither).
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"the {name} of {what} have {array.ndim} dimensions, not one")
    if array.dtype == np.bool_:
        return array
    if array.size == 0:
        return np.zeros(0, dtype=np.bool_)
    known = np.isin(array, (0, 1)) if array.dtype.kind in "iufO" else np.zeros(array.shape, dtype=np.bool_)
    if not known.all():
        raise DataError(
            f"{int((~known).sum())} of the {array.size} {name} of {what} are neither true nor false",
            hint="an unknown outcome is not a negative: leave rows without an outcome out",
        )
    return array.astype(np.bool_)


def as_scores(values: npt.ArrayLike, *, what: str) -> Floats:
    """Scores as floats, shape (n,).

    Raises:
        DataError: Not one-dimensional, not numbers, or some are not finite.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the scores of {what} are not numbers: {error}") from error
    if array.ndim != 1:
        raise DataError(f"the scores of {what} have {array.ndim} dimensions, not one")
    bad = ~(np.abs(array) < np.finfo(np.float64).max)
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of the {array.size} scores of {what} are not finite",
            hint="look at the model: it gives NaN or infinity for these rows",
        )
    return array


def paired(y: npt.ArrayLike, score: npt.ArrayLike, *, what: str) -> tuple[Booleans, Floats]:
    """Labels and scores, checked, of equal length (n,).

    Raises:
        DataError: As the two checks above, or the lengths differ.
    """
    labels, scores = as_booleans(y, name="labels", what=what), as_scores(score, what=what)
    if labels.size != scores.size:
        raise DataError(f"{what} has {labels.size} labels and {scores.size} scores")
    return labels, scores


def as_confidence(value: float, *, what: str) -> float:
    """A confidence, strictly between 0 and 1.

    Raises:
        DataError: It is not.
    """
    if not 0.0 < value < 1.0:
        raise DataError(f"the confidence of {what} is {value}, not between 0 and 1", hint="0.95 is usual")
    return float(value)
