"""All ways in which one compiled model can score, compared to the last bit and with the estimator."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from soroi.base.errors import DataError
from soroi.scoring import Choice, Scorer, choose_scorer, input_columns
from soroi.scoring.canary import TOLERANCE
from soroi.scoring.compiled import CompiledScorer, load_compiled
from soroi.scoring.scorer import sklearn_scorer

LABELS = np.array([False, True])


def chosen(model: Any, rows: pl.DataFrame, kind: str) -> tuple[Scorer, Choice]:
    """The estimator's scorer, and what was chosen after it was compiled; it must be of a kind."""
    scorer = sklearn_scorer(model, "m")
    choice = choose_scorer(scorer, input_columns(rows), rows, what="m")
    assert choice.facts["kind"] == kind, choice.facts
    assert choice.data is not None
    assert choice.facts["parity"] <= TOLERANCE
    assert choice.facts["rows"] == rows.height
    return scorer, choice


def every_way(choice: Choice, extension: ModuleType | None) -> list[CompiledScorer]:
    assert choice.data is not None
    return [load_compiled(choice.data, what="m", extension=one) for one in {None, extension}]


def agree(scorer: Scorer, choice: Choice, rows: pl.DataFrame, extension: ModuleType | None) -> None:
    """What the estimator scores, each way scores, within the tolerance and to the last bit alike; or all refuse it."""
    ways = every_way(choice, extension)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [scored(scorer, one) for one in rows.iter_slices(1)]
    alone = [[scored_one(way, values) for values in rows.rows()] for way in ways]
    framed = [[scored(way, one) for one in rows.iter_slices(1)] for way in ways]
    for found in (*alone, *framed):
        assert found == alone[0]
    taken = [isinstance(one, float) for one in alone[0]]
    assert taken == [isinstance(one, float) for one in theirs]
    good = [one for one in alone[0] if isinstance(one, float)]
    for way in ways:
        assert way.score(rows.filter(pl.Series(taken, dtype=pl.Boolean))).tolist() == good
    wanted: npt.NDArray[np.float64] = np.array([one for one in theirs if isinstance(one, float)])
    np.testing.assert_allclose(good, wanted, rtol=0, atol=TOLERANCE)


def refused(choice: Choice, row: pl.DataFrame, extension: ModuleType | None, match: str) -> None:
    """Each way refuses a row in the same words."""
    for way in every_way(choice, extension):
        with pytest.raises(DataError, match=match) as framed:
            way.score(row)
        with pytest.raises(DataError, match=match) as alone:
            way.one(row.row(0))
        assert framed.value.message == alone.value.message


def scored(scorer: Scorer, row: pl.DataFrame) -> float | str:
    try:
        return float(scorer.score(row)[0])
    except DataError as error:
        return error.message if isinstance(scorer, CompiledScorer) else "refused"


def scored_one(scorer: CompiledScorer, values: Any) -> float | str:
    try:
        return scorer.one(values)
    except DataError as error:
        return error.message


def labels(rng: np.random.Generator, signal: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Labels that depend on a signal, of both classes."""
    noisy = signal + rng.normal(size=len(signal)) * (np.std(signal) + 0.1)
    y: npt.NDArray[np.bool_] = noisy > np.median(noisy)
    y[:2] = LABELS
    return y
