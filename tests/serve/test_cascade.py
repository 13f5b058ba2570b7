from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.patience import patiently
from tests.serve.conftest import Shop
from tests.serve.serving_project import visit

from soroi.declare.domain import between, one_of
from soroi.serve import Answer
from soroi.serve.cascade import Budget
from soroi.serve.snapshot import RulePart


def path(answer: Answer) -> list[tuple[str, str]]:
    return [(step.name, step.outcome.value) for step in answer.path]


def ask(shop: Shop, *rows: dict[str, Any], decision: str = "check") -> list[Answer]:
    return shop.engine.decide(decision, [{**row, "visit": str(n)} for n, row in enumerate(rows)])


class Scoring:
    """A scorer that does as a test says."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def score(self, rows: pl.DataFrame) -> Any:
        return self.act(rows)


def with_scorers(shop: Shop, *acts: Any, **changes: Any) -> None:
    """Let the models of 'check' score as given; None leaves one alone."""
    steps = []
    for step, act in zip(shop.snapshot.decisions["check"].asked, acts, strict=True):
        model = step.model if act is None else replace(step.model, scorer=Scoring(act))
        steps.append(replace(step, model=model))
    shop.alter(steps=tuple(steps), **changes)


def hang(_rows: pl.DataFrame) -> Any:
    time.sleep(1.0)


def spin(_rows: pl.DataFrame) -> Any:
    until = time.perf_counter() + 1.0
    while time.perf_counter() < until:
        pass


def explode(_rows: pl.DataFrame) -> Any:
    raise RuntimeError("boom")


def leave(_rows: pl.DataFrame) -> Any:
    raise SystemExit(3)


def test_a_sure_answer_spares_the_next_step_and_an_unsure_one_does_not(shop: Shop) -> None:
    sure, unsure = ask(shop, visit(amount=-4.0), visit(amount=0.4))
    assert path(sure) == [("quick_cut", "answered")]
    assert path(unsure) == [("quick_cut", "unsure"), ("careful_cut", "answered")]
    assert (sure.action, sure.positive) == ("pass", False)
    assert sure.confidence is not None
    assert sure.confidence > 0.9


def test_side_score_threshold_and_confidence_belong_to_the_step_that_answered(shop: Shop) -> None:
    careful = shop.snapshot.decisions["check"].asked[1]
    for answer in ask(shop, *(visit(amount=n / 10) for n in range(-5, 25))):
        assert answer.score is not None
        assert answer.threshold is not None
        if answer.path[-1].name == "careful_cut":
            assert answer.threshold == careful.threshold
        assert answer.positive == (answer.score >= answer.threshold)
        assert answer.action == ("check" if answer.positive else "pass")
        step = next(one for one in shop.snapshot.decisions["check"].asked if one.name == answer.path[-1].name)
        likely = step.calibration.probability(answer.score)
        assert answer.confidence == (likely if answer.positive else 1.0 - likely)


def test_a_missing_input_falls_to_the_step_that_can_do_without_it(shop: Shop) -> None:
    (answer,) = ask(shop, visit(items=None))
    assert path(answer) == [("quick_cut", "missing_feature"), ("careful_cut", "answered")]
    assert "'items'" in (answer.path[0].reason or "")


def test_rules_answer_when_no_model_can_and_the_fail_safe_when_no_rule_can(shop: Shop) -> None:
    models = [("quick_cut", "missing_feature"), ("careful_cut", "missing_feature")]
    by_rule, by_next, by_nobody, by_rude = ask(
        shop,
        visit(shop="unheard of", amount=2.0),
        visit(amount=None, items=2),
        visit(amount=None, items=None),
        visit(shop="rude", items=9),
    )
    assert path(by_rule) == [*models, ("large", "answered")]
    assert (by_rule.action, by_rule.positive, by_rule.score, by_rule.confidence) == ("check", True, None, None)
    assert path(by_next) == [*models, ("large", "cannot_say"), ("busy", "answered")]
    assert by_next.action == "pass"
    assert path(by_nobody) == [*models, ("large", "cannot_say"), ("busy", "cannot_say"), ("fail_safe", "answered")]
    assert (by_nobody.action, by_nobody.positive) == ("check", True)
    assert path(by_rude) == [*models, ("large", "raised"), ("busy", "answered")]
    assert by_rude.path[2].reason == "ValueError: I do not talk to rude shops"


def test_a_row_that_fails_does_not_change_the_answers_of_the_others(shop: Shop) -> None:
    good = [visit(amount=n / 7) for n in range(-10, 15)]
    bad = [visit(items=666), visit(amount=None), visit(shop="rude"), visit(shop=None, items=None, amount=None)]
    mixed = [row for n, row in enumerate(good) for row in ([bad[n % 4], row] if n < 8 else [row])]
    alone = [(one.action, one.score, path(one)) for one in ask(shop, *good)]
    among = [(one.action, one.score, path(one)) for one in ask(shop, *mixed)]
    assert [among[place] for place, row in enumerate(mixed) if row not in bad] == alone
    assert all(steps[0][1] != "answered" for place, (_, _, steps) in enumerate(among) if mixed[place] in bad)


def test_rows_that_raise_fall_with_their_reason(shop: Shop) -> None:
    broken, fine = ask(shop, visit(items=666), visit())
    assert path(broken) == [("quick_cut", "raised"), ("careful_cut", "answered")]
    assert "no such basket" in (broken.path[0].reason or "")
    assert path(fine)[0] == ("quick_cut", "unsure")


@pytest.mark.parametrize(("act", "reason"), [(explode, "RuntimeError: boom"), (leave, "3")])
def test_a_model_that_raises_is_passed_over(shop: Shop, act: Any, reason: str) -> None:
    with_scorers(shop, act, None)
    (answer,) = ask(shop, visit())
    assert path(answer) == [("quick_cut", "raised"), ("careful_cut", "answered")]
    assert reason in (answer.path[0].reason or "")


def test_an_answer_comes_in_time_though_a_model_hangs(shop: Shop) -> None:
    with_scorers(shop, hang, None, deadline=0.15)

    def attempt() -> None:
        begun = time.perf_counter()
        (answer,) = ask(shop, visit(amount=2.0))
        assert time.perf_counter() - begun < 0.6  # the measured figure is in the step itself
        assert path(answer) == [("quick_cut", "late"), ("careful_cut", "late"), ("large", "answered")]
        assert answer.path[0].milliseconds == pytest.approx(120, abs=60)
        assert answer.path[1].reason == "no time was left to ask it"
        assert answer.action == "check"

    patiently(attempt)


def test_an_answer_comes_in_time_though_a_model_holds_the_interpreter(shop: Shop) -> None:
    with_scorers(shop, spin, None, deadline=0.15)

    def attempt() -> None:
        begun = time.perf_counter()
        (answer,) = ask(shop, visit(amount=2.0))
        assert time.perf_counter() - begun < 0.6
        assert path(answer)[:2] == [("quick_cut", "late"), ("careful_cut", "late")]
        assert answer.path[-1].kind in ("rule", "fail_safe")  # whichever got a turn while the other thread spins

    patiently(attempt)


def test_a_rule_that_hangs_is_cut_off_too_and_what_it_said_before_counts(shop: Shop) -> None:
    def slow(row: Mapping[str, Any]) -> bool:
        if row["items"] == 1:
            time.sleep(1.0)
        return False

    with_scorers(shop, explode, explode, deadline=0.4, rules=(RulePart("slow", slow),))

    def attempt() -> None:
        first, hanging, after = ask(shop, visit(items=3), visit(items=1), visit(items=3))
        models = [("quick_cut", "raised"), ("careful_cut", "raised")]
        assert path(first) == [*models, ("slow", "answered")]
        assert path(hanging) == path(after) == [*models, ("slow", "late"), ("fail_safe", "answered")]

    patiently(attempt)


@pytest.mark.parametrize(
    ("said", "outcome"), [(1, "raised"), ("yes", "raised"), (None, "cannot_say"), (np.True_, "answered")]
)
def test_a_rule_says_true_false_or_nothing(shop: Shop, said: Any, outcome: str) -> None:
    with_scorers(shop, explode, explode, rules=(RulePart("odd", lambda row: said),))
    (answer,) = ask(shop, visit())
    assert path(answer)[2] == ("odd", outcome)


def test_a_rule_cannot_change_the_row_that_is_recorded(shop: Shop) -> None:
    def greedy(row: Any) -> None:
        row["amount"] = "mine"

    with_scorers(shop, explode, explode, rules=(RulePart("greedy", greedy),))
    ask(shop, visit(amount=0.5))
    (record,) = shop.records()
    assert record["inputs"]["amount"] == 0.5  # type: ignore[index]


def test_every_version_on_a_path_is_of_the_manifest(shop: Shop) -> None:
    for answer in ask(shop, visit(), visit(amount=None), visit(amount=None, items=None), visit(shop="rude")):
        for step in answer.path:
            assert step.versions.items() <= shop.manifest.picks.items()


def test_one_call_serves_all_rows_of_a_request(shop: Shop) -> None:
    sizes: list[int] = []

    def counting(rows: pl.DataFrame) -> Any:
        sizes.append(rows.height)
        return np.full(rows.height, 0.9)

    with_scorers(shop, None, counting)
    answers = ask(shop, *(visit(amount=n / 100) for n in range(200)))
    unsure = sum(len(one.path) > 1 for one in answers)
    assert sizes == [unsure]


def test_a_budget_keeps_some_time_for_rules() -> None:
    now = [100.0]
    budget = Budget(0.05, 100.0, lambda: now[0])
    assert budget.left == pytest.approx(0.05)
    assert budget.left_for_models == pytest.approx(0.040)
    now[0] = 100.047
    assert budget.left_for_models < 0 < budget.left
    assert budget.spent == pytest.approx(0.047)


def test_rows_outside_of_the_domain_go_to_the_rules_and_the_others_to_the_models(shop: Shop) -> None:
    shop.alter(domain=(("items", between(0, 50)), ("shop", one_of("s0", "s1", "s2", "s3"))))
    inside, many, elsewhere, missing = ask(
        shop,
        visit(amount=-4.0),
        visit(amount=-4.0, items=51),
        visit(amount=None, shop="s9"),
        visit(shop=None, amount=2.0),
    )
    assert path(inside) == [("quick_cut", "answered")]
    assert path(many) == [("quick_cut", "out_of_domain"), ("large", "answered")]
    assert many.path[0].reason == "'items' is the number 51, not between 0 and 50"
    assert many.fell
    assert path(elsewhere)[0] == ("quick_cut", "out_of_domain")
    assert elsewhere.path[0].reason == "'shop' is the text 's9', not one of 's0', 's1', 's2', 's3'"
    assert path(missing)[0] != ("quick_cut", "out_of_domain")
