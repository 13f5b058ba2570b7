from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soroi.base.errors import DataError, DeclarationError
from soroi.declare.objective import (
    Constraint,
    Metric,
    Objective,
    accuracy,
    alert_rate,
    f1,
    false_positive_rate,
    precision,
    recall,
)
from soroi.evidence.figure import NEVER
from soroi.evidence.threshold import ThresholdFit, fit_threshold
from soroi.evidence.worlds import Binormal

ROWS = st.lists(st.tuples(st.booleans(), st.floats(-3, 3)), min_size=1, max_size=120)
BOUNDS = st.sampled_from([None, precision >= 0.4, recall >= 0.5, false_positive_rate <= 0.4, alert_rate <= 0.5])
METRICS = st.sampled_from([recall, precision, accuracy, f1, alert_rate])


def test_a_large_sample_gives_nearly_the_best_recall_there_is() -> None:
    world = Binormal(40_000, 0.25, 0.75)
    fit = fit_threshold(*world.draw(np.random.default_rng(0)), Objective(recall, precision >= 0.5), what="careful_cut")
    at = np.asarray([fit.value])
    assert fit.met
    assert fit.bound is not None
    assert fit.bound >= 0.5
    assert float(world.truth("precision", at)[0]) >= 0.5
    assert 0.42 <= float(world.truth("recall", at)[0]) <= 0.49  # the best possible is .488
    assert fit.needed is None
    assert "precision >= 0.5" in fit.reason


def test_recall_at_least_nine_tenths_costs_few_alerts() -> None:
    world = Binormal(20_000, 0.05, 0.95)
    fit = fit_threshold(*world.draw(np.random.default_rng(0)), Objective(precision, recall >= 0.9), what="cut")
    at = np.asarray([fit.value])
    assert 0.9 <= float(world.truth("recall", at)[0]) <= 0.94
    assert float(world.truth("precision", at)[0]) > 0.2


@pytest.mark.parametrize(
    ("maximise", "constraint"), [(recall, precision >= 0.5), (precision, recall >= 0.9), (f1, recall >= 0.8)]
)
def test_the_chosen_threshold_keeps_its_constraint_as_often_as_promised(
    maximise: Metric, constraint: Constraint
) -> None:
    world, rng, samples = Binormal(1000, 0.25, 0.85), np.random.default_rng(3), 200
    broken = 0
    for _ in range(samples):
        fit = fit_threshold(*world.draw(rng), Objective(maximise, constraint), what="cut")
        truth = float(world.truth(constraint.metric, np.asarray([fit.value]))[0])
        broken += fit.met and truth < constraint.level
    assert broken / samples <= 0.05 + 3 * (0.05 * 0.95 / samples) ** 0.5


@given(ROWS, METRICS, BOUNDS)
@settings(max_examples=150)
def test_every_fit_is_finite_consistent_and_survives_json(
    rows: list[tuple[bool, float]], maximise: Metric, constraint: Constraint | None
) -> None:
    y, score = np.asarray([y for y, _ in rows]), np.asarray([s for _, s in rows])
    fit = fit_threshold(y, score, Objective(maximise, constraint), what="cut")
    assert msgspec.json.decode(msgspec.json.encode(fit), type=ThresholdFit) == fit
    act = score >= fit.value
    point = fit.curve.at(fit.value)
    assert (point.tp, point.fp) == ((act & y).sum(), (act & ~y).sum())
    assert fit.figures[-1].value == pytest.approx(act.mean())
    if not fit.met:
        assert fit.never
        assert fit.bound is None
    elif constraint is not None:
        assert fit.bound is not None
        slack = fit.bound - constraint.level
        assert (slack if constraint.operator == ">=" else -slack) >= -1e-9


@given(ROWS)
def test_order_of_rows_does_not_matter(rows: list[tuple[bool, float]]) -> None:
    objective = Objective(recall, precision >= 0.4)
    fits = [
        fit_threshold([y for y, _ in some], [s for _, s in some], objective, what="cut") for some in (rows, rows[::-1])
    ]
    assert fits[0].value == fits[1].value


def test_without_a_constraint_the_metric_is_simply_maximised() -> None:
    y = np.asarray([0, 0, 1, 0, 1, 1], dtype=bool)
    score = np.asarray([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert fit_threshold(y, score, Objective(f1), what="cut").value == pytest.approx(0.25)
    assert fit_threshold(y, score, Objective(accuracy), what="cut").value == pytest.approx(0.45)
    assert fit_threshold(y, score, Objective(recall), what="cut").value == pytest.approx(0.25)
    assert fit_threshold(y, score, Objective(alert_rate), what="cut").always
    # Three of four alerts right say more for the precision than two of two.
    assert fit_threshold(y, score, Objective(precision), what="cut").value == pytest.approx(0.25)
    assert fit_threshold(~y, score, Objective(accuracy), what="cut").met


@pytest.mark.parametrize(
    ("constraint", "kind"),
    [
        (recall >= 0.9, "19 more positives"),
        (false_positive_rate <= 0.01, "289 more negatives"),
        (alert_rate <= 0.001, "2975 more rows"),
    ],
)
def test_too_few_rows_fail_safe_and_say_how_many_more_are_needed(constraint: Constraint, kind: str) -> None:
    fit = fit_threshold(np.arange(20) >= 10, np.arange(20.0), Objective(recall, constraint), what="cut")
    assert (fit.met, fit.value, fit.bound) == (False, NEVER, None)
    assert fit.reason.endswith(f"about {kind} would be needed")
    assert fit.needed == int(kind.split()[0])


def test_scores_that_do_not_reach_the_level_say_that_more_rows_do_not_help() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.random(5000) < 0.1, rng.random(5000)
    fit = fit_threshold(y, score, Objective(recall, precision >= 0.9), what="cut")
    assert not fit.met
    assert fit.never
    assert fit.needed is None
    assert "more rows alone would not help" in fit.reason


@pytest.mark.parametrize("label", [True, False])
def test_one_class_alone_is_handled(label: bool) -> None:
    y, score = np.full(100, label), np.linspace(0, 1, 100)
    assert fit_threshold(y, score, Objective(recall, precision >= 0.9), what="cut").met is label
    assert fit_threshold(y, score, Objective(recall, recall >= 0.9), what="cut").met is label


def test_an_objective_without_an_exact_test_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"cut is subject to f1 >= 0\.5"):
        fit_threshold([True], [0.5], Objective(recall, f1 >= 0.5), what="cut")
    with pytest.raises(DeclarationError, match="cut maximises false_positive_rate"):
        fit_threshold([True], [0.5], Objective(false_positive_rate), what="cut")


def test_no_rows_is_an_error_that_names_the_threshold() -> None:
    with pytest.raises(DataError, match="careful_cut has no rows"):
        fit_threshold([], [], Objective(recall), what="careful_cut")
