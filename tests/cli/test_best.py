from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from soroi.base.errors import RefusedError, UnknownNameError
from soroi.cli.best import best_of
from soroi.store import EdgeRecord, VersionRecord


def candidate(name: str, data: str = "examples@1", **figures: float | None) -> VersionRecord:
    facts: dict[str, Any] = {"figures": [{"name": key, "value": value} for key, value in figures.items()]}
    return VersionRecord(
        id=f"m@{name}",
        digest=name,
        node="m",
        kind="model",
        recipe=name,
        definition="d",
        output=name,
        edges=[EdgeRecord("trains on", "examples", data)],
        facts=facts,
        run="r",
        by="me",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_more_is_better_for_an_area() -> None:
    found = best_of([candidate("a", roc_auc=0.7), candidate("b", roc_auc=0.8)], "roc_auc")
    assert (found.best.id, found.among, found.left_out) == ("m@b", 2, 0)


def test_less_is_better_for_a_loss() -> None:
    assert best_of([candidate("a", brier=0.1), candidate("b", brier=0.2)], "brier").best.id == "m@a"


def test_of_equals_the_newest_is_taken() -> None:
    assert best_of([candidate("new", roc_auc=0.7), candidate("old", roc_auc=0.7)], "roc_auc").best.id == "m@new"


def test_candidates_judged_on_other_rows_do_not_compare() -> None:
    other = candidate("b", data="examples@2", roc_auc=0.99)
    found = best_of([candidate("a", roc_auc=0.7), other], "roc_auc")
    assert (found.best.id, found.among, found.left_out) == ("m@a", 1, 1)


def test_an_undefined_figure_is_never_the_best() -> None:
    found = best_of([candidate("a", precision=None), candidate("b", precision=0.1)], "precision")
    assert found.best.id == "m@b"
    with pytest.raises(RefusedError, match="undefined"):
        best_of([candidate("a", precision=None)], "precision")


def test_a_figure_without_better_and_worse_is_refused() -> None:
    with pytest.raises(RefusedError, match="neither good nor bad"):
        best_of([candidate("a", base_rate=0.2, roc_auc=0.5)], "base_rate")


def test_an_unknown_figure_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'roc_auc'"):
        best_of([candidate("a", roc_auc=0.5)], "roc_acu")


def test_without_figures_there_is_nothing_to_choose_by() -> None:
    with pytest.raises(RefusedError, match="no version of 'm' has figures"):
        best_of([candidate("a")], "roc_auc")
