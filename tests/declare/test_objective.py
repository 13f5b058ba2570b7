from __future__ import annotations

import pytest

import soroi as so
from soroi.base.errors import DeclarationError
from soroi.declare.objective import CONSTRAINABLE, MAXIMISABLE, Constraint, Metric, Objective
from soroi.evidence import threshold


def test_a_metric_compared_with_a_number_is_a_constraint() -> None:
    assert (so.precision >= 0.9) == Constraint("precision", ">=", 0.9)
    assert (so.false_positive_rate <= 0.01) == Constraint("false_positive_rate", "<=", 0.01)
    assert str(so.alert_rate <= 0.05) == "alert_rate <= 0.05"


@pytest.mark.parametrize("level", [-0.01, 1.01, 90, float("nan")])
def test_a_bound_is_a_share(level: float) -> None:
    with pytest.raises(DeclarationError, match="not a share"):
        so.precision >= level  # noqa: B015 (comparing is the test)


@pytest.mark.parametrize("metric", [so.f1, so.accuracy])
def test_a_metric_without_an_exact_test_cannot_be_bounded(metric: Metric) -> None:
    with pytest.raises(DeclarationError, match="cannot be bounded") as told:
        so.threshold("careful", maximise=so.recall, subject_to=metric <= 0.5)
    assert "bound one of recall, precision" in str(told.value)


def test_what_can_be_declared_is_what_can_be_fitted() -> None:
    assert threshold.MAXIMISABLE == MAXIMISABLE
    assert threshold.CONSTRAINABLE == CONSTRAINABLE


def test_a_constraint_is_no_truth_value() -> None:
    with pytest.raises(DeclarationError, match="give one bound"):
        bool(so.precision >= 0.9)


def test_an_objective_is_plain_data() -> None:
    assert Objective(so.recall, so.precision >= 0.9, 0.9).to_dict() == {
        "maximise": "recall",
        "subject_to": {"metric": "precision", "operator": ">=", "level": 0.9},
        "confidence": 0.9,
    }
    assert Objective(so.f1).to_dict()["subject_to"] is None
