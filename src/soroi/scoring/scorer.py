"""What a loaded model can do: give one number per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError, RefusedError

_CALIBRATE = "wrap it in sklearn.calibration.CalibratedClassifierCV, or use a classifier with predict_proba"


@runtime_checkable
class Scorer(Protocol):
    """A loaded model."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row, in the order of the rows, shape ``(n,)``.

        For a classifier the probability of the positive class (``True`` or ``1``), for a regressor the
        prediction.

        Raises:
            DataError: The model cannot take these rows, or makes something that is not finite of them.
        """
        ...


@dataclass(frozen=True)
class SklearnScorer:
    """Scores with a fitted scikit-learn estimator."""

    estimator: Any
    """The fitted estimator."""

    what: str
    """Name used in messages."""

    classifier: bool
    """Whether the score is the probability of the positive class."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row; see :meth:`Scorer.score`."""
        if rows.height == 0:
            return np.empty(0, dtype=np.float64)
        try:
            made = self._call(rows)
        except Exception as error:
            raise DataError(
                f"{self.what}: the model cannot score these rows: {type(error).__name__}: {error}"
            ) from error
        return checked_scores(made, rows.height, self.what)

    def _call(self, rows: pl.DataFrame) -> Any:
        return self.estimator.predict_proba(rows)[:, 1] if self.classifier else self.estimator.predict(rows)


def checked_scores(made: Any, n: int, what: str) -> npt.NDArray[np.float64]:
    """Scores as float64 of shape ``(n,)``.

    Raises:
        DataError: There are not ``n`` of them, or one is not finite.
    """
    try:
        scores = np.ascontiguousarray(made, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: the model's scores are not numbers: {error}") from error
    if scores.shape != (n,):
        raise DataError(f"{what}: {n} rows gave scores of shape {scores.shape}, not ({n},)")
    finite = np.isfinite(scores)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataError(f"{what}: the score of row {row} is {scores[row]}, not a finite number", row=row)
    return scores


def sklearn_scorer(estimator: Any, what: str) -> SklearnScorer:
    """A scorer for a fitted estimator.

    Raises:
        RefusedError: It is not a fitted binary classifier with probabilities, nor a fitted regressor of
            one number.
    """
    from sklearn.base import is_classifier, is_regressor
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = type(estimator).__name__
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise RefusedError(f"{what}: {name} is not fitted", hint="return it after calling fit") from None
    except TypeError as error:
        raise RefusedError(f"{what}: {name} is not an estimator: {error}") from None
    if is_classifier(estimator):
        if not hasattr(estimator, "predict_proba"):
            raise RefusedError(f"{what}: {name} has no predict_proba, so it gives no score", hint=_CALIBRATE)
        check_classes(getattr(estimator, "classes_", None), f"{what}: {name}")
        return SklearnScorer(estimator, what, classifier=True)
    if is_regressor(estimator):
        return SklearnScorer(estimator, what, classifier=False)
    raise RefusedError(f"{what}: {name} is neither a classifier nor a regressor")


def check_classes(classes: Any, what: str) -> None:
    """Accept exactly the classes ``False, True`` or ``0, 1``.

    Raises:
        RefusedError: The classes are others.
    """
    found = np.asarray(classes).tolist() if classes is not None else None
    if found != [0, 1]:  # False == 0 and True == 1, so this takes both
        hint = "train on a Boolean target that takes both values"
        raise RefusedError(f"{what} tells the classes {found} apart, not False and True", hint=hint)
