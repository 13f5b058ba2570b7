from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from soroi.evidence.figure import Figure
from soroi.evidence.scores import delong, newcombe, score_figures
from soroi.evidence.worlds import Binormal

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=4, max_size=80)


def named(y: object, score: object, *, seed: int = 0, bootstrap: int = 500) -> dict[str, Figure]:
    figures = score_figures(np.asarray(y), np.asarray(score), seed=seed, bootstrap=bootstrap)
    return {one.name: one for one in figures}


@given(ROWS)
@settings(max_examples=60)
def test_values_are_those_of_scikit_learn_ties_and_all(rows: list[tuple[bool, int]]) -> None:
    y = np.asarray([True, False, *(label for label, _ in rows)])
    score = np.asarray([0.3, 0.4, *(tenths / 10 for _, tenths in rows)])
    figures = named(y, score, bootstrap=20)
    found = {name: one.value for name, one in figures.items()}
    assert found == pytest.approx(
        {
            "roc_auc": metrics.roc_auc_score(y, score),
            "average_precision": metrics.average_precision_score(y, score),
            "brier": metrics.brier_score_loss(y, score),
            "log_loss": -np.log(np.clip(np.where(y, score, 1 - score), 1e-15, 1)).mean(),
            "base_rate": y.mean(),
        },
        abs=1e-12,
    )
    for one in figures.values():
        assert one.value is not None
        assert np.isfinite([one.low, one.high]).all()
        assert one.low <= one.value + 1e-12
        assert one.value <= one.high + 1e-12


def test_the_variance_is_that_of_the_pairwise_definition() -> None:
    rng = np.random.default_rng(3)
    y, score = rng.random(60) < 0.4, rng.integers(0, 9, 60).astype(float)
    wins = (score[y][:, None] > score[~y]) + 0.5 * (score[y][:, None] == score[~y])
    area, variance = delong(y, score)
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    assert area == pytest.approx(wins.mean())
    assert variance == pytest.approx(rows.var(ddof=1) / rows.size + columns.var(ddof=1) / columns.size)


def test_newcombes_interval_holds_the_area_and_shrinks_with_rows() -> None:
    low, high = newcombe(0.9, 50, 500, 1.96)
    narrow = newcombe(0.9, 500, 5000, 1.96)
    assert 0.8 < low < narrow[0] < 0.9 < narrow[1] < high < 0.95


def test_a_perfect_ranking_of_few_rows_is_not_certain() -> None:
    auc = named([0] * 5 + [1] * 5, np.arange(10) / 10)["roc_auc"]
    assert (auc.value, auc.high) == (1.0, 1.0)
    assert auc.low == pytest.approx(0.025 ** (1 / 5))
    worst = named([1] * 5 + [0] * 5, np.arange(10) / 10)["roc_auc"]
    assert (worst.value, worst.low) == (0.0, 0.0)
    assert worst.high == pytest.approx(1 - 0.025 ** (1 / 5))


@pytest.mark.parametrize(("y", "score"), [([], []), ([0, 0], [0.1, 0.2]), ([1, 1], [0.1, 0.2]), ([1, 0], [0.5, 0.2])])
def test_too_few_rows_give_the_widest_interval(y: list[int], score: list[float]) -> None:
    auc = named(y, score)["roc_auc"]
    assert auc.low <= 0.2
    assert auc.high == 1.0
    assert auc.value in (None, 1.0)


def test_scores_that_are_not_probabilities_have_no_brier_score() -> None:
    assert set(named([0, 1, 0], [-3.0, 2.0, 1.0])) == {"roc_auc", "average_precision", "base_rate"}


def test_the_seed_decides_and_pooling_many_scores_changes_little() -> None:
    y, score = Binormal(30_000, 0.2, 0.8).draw(np.random.default_rng(5))
    once = named(y, score, seed=1, bootstrap=100)["average_precision"]
    assert once == named(y, score, seed=1, bootstrap=100)["average_precision"]
    assert once != named(y, score, seed=2, bootstrap=100)["average_precision"]
    assert 0.01 < once.high - once.low < 0.05


def test_all_scores_equal_still_give_an_interval() -> None:
    auc = named([0, 1] * 20, [0.5] * 40)["roc_auc"]
    assert auc.value == 0.5
    assert auc.low < 0.4 < 0.6 < auc.high


@pytest.mark.parametrize(("rows", "base", "auc"), [(200, 0.25, 0.75), (1000, 0.05, 0.98), (2000, 0.25, 0.9)])
def test_intervals_cover_about_as_often_as_they_say(rows: int, base: float, auc: float) -> None:
    world, rng = Binormal(rows, base, auc), np.random.default_rng(17)
    y, raw = Binormal(400_000, base, auc).draw(rng)
    score = world.probability(raw)
    truth = {
        "roc_auc": auc,
        "average_precision": metrics.average_precision_score(y, raw),
        "brier": float(((score - y) ** 2).mean()),
        "log_loss": float(-np.log(np.where(y, score, 1 - score)).mean()),
        "base_rate": base,
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        y, raw = world.draw(rng)
        for one in score_figures(y, world.probability(raw), seed=seed, bootstrap=100):
            held[one.name] += one.low <= truth[one.name] <= one.high
    # .95 less the Monte-Carlo error of 200 samples and the bootstrap's shortness with 50 positives.
    assert min(held.values()) / 200 >= 0.90, held
