from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from soroi.base.errors import DataError, RefusedError
from soroi.scoring import Scorer, load_model, save_model
from soroi.scoring.scorer import check_classes, checked_scores, sklearn_scorer


@pytest.mark.parametrize("classes", [[False, True], [0, 1], np.array([0.0, 1.0]), np.array([False, True])])
def test_false_and_true_or_0_and_1_are_taken(classes: Any) -> None:
    check_classes(classes, "late")


@pytest.mark.parametrize("classes", [None, [1], [False], [True, False], [-1, 1], ["no", "yes"], [0, 1, 2]])
def test_other_classes_are_refused(classes: Any) -> None:
    with pytest.raises(RefusedError, match="not False and True"):
        check_classes(classes, "late")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LogisticRegression(), "not fitted"),
        (RidgeClassifier(), "no predict_proba"),
        (StandardScaler(), "neither a classifier nor a regressor"),
        (LogisticRegression, "not an estimator"),
    ],
)
def test_what_gives_no_score_is_refused(model: Any, message: str, data: Any) -> None:
    if message.startswith(("no ", "neither")):
        model.fit(data.full, data.y)
    with pytest.raises(RefusedError, match=message):
        sklearn_scorer(model, "late")


def test_text_as_classes_is_refused_when_saving(data: Any) -> None:
    model = LogisticRegression().fit(data.full, np.where(data.y, "late", "fine"))
    with pytest.raises(RefusedError, match="'fine', 'late'"):
        save_model(model, where="flights.py:41")


def test_rows_the_model_cannot_take_are_data_errors(data: Any) -> None:
    scorer = load_model(save_model(Ridge().fit(data.full, data.y), where="x"), what="late@1")
    assert isinstance(scorer, Scorer)
    with pytest.raises(DataError, match=r"late@1: the model cannot score .*NaN"):
        scorer.score(data.numeric)
    with pytest.raises(DataError, match="late@1"):
        scorer.score(data.X.select("a"))


@pytest.mark.parametrize("made", [[[1.0], [2.0]], [1.0], ["a", "b"], [1.0, float("nan")], [float("inf"), 0.0]])
def test_scores_are_finite_and_one_per_row(made: Any) -> None:
    with pytest.raises(DataError, match="late@1"):
        checked_scores(made, 2, "late@1")
