from __future__ import annotations

import numpy as np
import pytest

from soroi.base.errors import DataError
from soroi.evidence.sample import as_booleans, as_confidence, as_scores, paired


def test_zeros_and_ones_are_labels() -> None:
    assert as_booleans([0, 1, 1], name="labels", what="x").tolist() == [False, True, True]
    assert as_booleans(np.asarray([True, None, False])[[0, 2]], name="labels", what="x").tolist() == [True, False]
    assert as_booleans([], name="labels", what="x").size == 0


@pytest.mark.parametrize("bad", [[0, 2], [0.0, np.nan], ["a", "b"], np.asarray([True, None])])
def test_an_unknown_outcome_is_not_a_negative(bad: list[object]) -> None:
    with pytest.raises(DataError, match="neither true nor false"):
        as_booleans(np.asarray(bad), name="labels", what="cut")


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [-np.inf]])
def test_scores_that_are_not_finite_are_refused_by_name(bad: list[float]) -> None:
    with pytest.raises(DataError, match="1 of the 1 scores of cut are not finite"):
        as_scores(bad, what="cut")


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="not numbers"):
        as_scores(["high"], what="cut")


def test_shapes_and_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="2 labels and 1 scores"):
        paired([0, 1], [0.5], what="cut")
    with pytest.raises(DataError, match="2 dimensions"):
        as_scores([[0.5]], what="cut")
    with pytest.raises(DataError, match="2 dimensions"):
        as_booleans([[1]], name="labels", what="cut")


@pytest.mark.parametrize("bad", [0.0, 1.0, 95.0, float("nan")])
def test_a_confidence_lies_between_0_and_1(bad: float) -> None:
    with pytest.raises(DataError, match="confidence of cut"):
        as_confidence(bad, what="cut")
