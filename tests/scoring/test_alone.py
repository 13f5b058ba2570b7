"""Scores of a row do not rest on the rows beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.neural_network import MLPClassifier

from soroi.scoring.alone import OneByOne, steadied
from soroi.scoring.scorer import sklearn_scorer


class Crowded:
    """Gives a row another last bit when it is not alone."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        found = rows["a"].to_numpy().astype(np.float64)
        return np.nextafter(found, np.inf) if rows.height > 1 else found


class Steady:
    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        return rows["a"].to_numpy().astype(np.float64)


ROWS = pl.DataFrame({"a": [0.5, 1.5, 2.5]})


def test_what_differs_among_others_is_asked_row_by_row() -> None:
    found = steadied(Crowded(), ROWS)
    assert isinstance(found, OneByOne)
    assert found.score(ROWS).tolist() == [0.5, 1.5, 2.5]
    assert found.score(ROWS[:1]).tolist() == [0.5]
    assert found.score(ROWS[:0]).tolist() == []


def test_what_does_not_is_asked_for_all_at_once() -> None:
    one = Steady()
    assert steadied(one, ROWS) is one
    crowded = Crowded()
    assert steadied(crowded, ROWS[:1]) is crowded  # nothing to compare


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_real_network_is_steady_afterwards() -> None:
    rng = np.random.default_rng(3)
    X = pl.DataFrame(rng.normal(size=(200, 30)), schema=[f"c{n}" for n in range(30)])
    y = (X["c0"] + X["c1"] > 0).to_numpy()
    model = sklearn_scorer(MLPClassifier((40,), max_iter=30, random_state=0).fit(X, y), "net")
    found = steadied(model, X[:32])
    together = found.score(X[:32])
    assert [found.score(X[place : place + 1])[0] for place in range(32)] == together.tolist()
