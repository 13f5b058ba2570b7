from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from tests.projects import flip, object_path
from tests.serve.conftest import Shop

from soroi.serve import judge, judge_loads, loading, rehearse
from soroi.serve.snapshot import RulePart


def verdict(shop: Shop) -> Any:
    return judge_loads(shop.tiny.project.store, shop.manifest.id, module="shops", home=shop.tiny.folder)


def test_a_whole_manifest_passes_and_says_what_answered(shop: Shop) -> None:
    found = verdict(shop)
    assert found.passed
    lines = list(found.reason.lines())
    assert lines[0] == f"{shop.manifest.id} loads and answers"
    assert any("'check' answered 8 rows of 'visits'" in line for line in lines)
    assert any("'hold' answered" in line for line in lines)


def test_judging_writes_nothing_down(shop: Shop) -> None:
    verdict(shop)
    assert shop.records() == []


def test_a_damaged_part_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_SHARED", loading._Shared())
    version = shop.tiny.project.version(shop.manifest.picks["careful"])
    flip(object_path(shop.tiny.project, version.outputs["scorer"]))
    found = verdict(shop)
    assert not found.passed
    assert version.id in "\n".join(found.reason.lines())


def test_an_unknown_manifest_does_not_pass(shop: Shop) -> None:
    found = judge_loads(shop.tiny.project.store, "m000", module="shops", home=shop.tiny.folder)
    assert not found.passed


def test_a_step_that_answers_no_row_fails_though_another_would_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def score(self, rows: pl.DataFrame) -> Any:
            raise RuntimeError("boom")

    part = shop.snapshot.decisions["check"]
    steps = (part.asked[0], replace(part.asked[1], model=replace(part.asked[1].model, scorer=Broken())))
    broken = replace(shop.snapshot, decisions={"check": replace(part, steps=steps)})
    monkeypatch.setattr(judge, "load_snapshot", lambda *_, **__: broken)
    found = verdict(shop)
    assert not found.passed
    assert "'careful_cut' answers none of 8 rows: RuntimeError: boom" in "\n".join(found.reason.lines())


def test_a_rule_that_raises_on_every_row_fails(shop: Shop) -> None:
    def wrong(row: Any) -> bool:
        return bool(row["no such field"])

    shop.alter(rules=(RulePart("wrong", wrong),))
    serving = shop.engine.serving
    assert serving is not None
    found = {one.subject: one for one in rehearse(shop.engine, serving)}
    check = found["check"]
    assert check.kind == "fault"
    assert "the rule 'wrong' answers no row: KeyError" in "\n".join(check.lines())
    assert found["hold"].kind == "answers"


def test_a_step_that_hangs_fails_instead_of_holding_the_release(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        def score(self, rows: pl.DataFrame) -> Any:
            time.sleep(10.0)

    monkeypatch.setattr(judge, "_ENOUGH_SECONDS", 0.2)
    part = shop.snapshot.decisions["hold"]
    (step,) = part.asked
    shop.alter("hold", steps=(replace(step, model=replace(step.model, scorer=Hanging())),))
    serving = shop.engine.serving
    assert serving is not None
    found = {one.subject: one for one in rehearse(shop.engine, serving)}
    assert "'second_cut' was not done after 0.2 s" in "\n".join(found["hold"].lines())


def test_any_error_while_loading_is_a_finding(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise KeyError("feature_nodes")

    monkeypatch.setattr(judge, "load_snapshot", load)
    found = verdict(shop)
    assert not found.passed
    assert "KeyError: 'feature_nodes'" in "\n".join(found.reason.lines())
