"""Trials: one request one manifest, arms that stick, shadows that nobody notices."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tests.serve.conftest import Shop
from tests.serve.serving_project import END, visit
from tests.serve.test_engine import result_row

from soroi.release.rollout import EACH_ANSWER
from soroi.serve import Snapshot, Trial, Trying
from soroi.serve.answer import Outcome
from soroi.serve.shadow import Shadows

TRYING = Trying("rollout_1", False, "shop", 0, 0.5, frozenset({"check", "hold"}))


def challenger(shop: Shop, **changes: Any) -> Snapshot:
    """The loaded manifest under another name, with decisions that differ in some parts."""
    decisions = {name: replace(part, **changes) for name, part in shop.snapshot.decisions.items()}
    return replace(shop.snapshot, manifest="mother", decisions=decisions)


def try_out(shop: Shop, trying: Trying = TRYING, **changes: Any) -> Trial:
    return shop.engine.try_out(trying, challenger(shop, **changes))


def test_a_shop_sticks_to_its_arm_and_both_arms_answer(shop: Shop) -> None:
    try_out(shop)
    seen: dict[str, set[str]] = {}
    for turn in range(3):
        for n in range(24):
            (answer,) = shop.engine.decide("check", [visit(visit=f"{turn}", shop=f"x{n}")])
            seen.setdefault(f"x{n}", set()).add(answer.arm)
            assert answer.manifest == ("mother" if answer.arm == "challenger" else shop.manifest.id)
    assert {len(arms) for arms in seen.values()} == {1}
    counts = Counter(arm for arms in seen.values() for arm in arms)
    assert min(counts["base"], counts["challenger"]) >= 5
    for record in shop.records():
        assert (record["rollout"], record["rollout_step"]) == ("rollout_1", 0)
        assert len(str(record["unit"])) == 16


def test_a_request_of_many_shops_is_answered_by_one_manifest(shop: Shop) -> None:
    try_out(shop)
    for n in range(12):
        rows = [visit(visit=f"{n}-{m}", shop=f"x{n + m}") for m in range(5)]
        answers = shop.engine.decide("check", rows)
        assert len({(one.manifest, one.arm) for one in answers}) == 1
        (alone,) = shop.engine.decide("check", rows[:1])
        assert alone.arm == answers[0].arm


def test_without_a_key_every_request_is_drawn_by_the_id_of_its_first_answer(shop: Shop) -> None:
    try_out(shop, replace(TRYING, key=EACH_ANSWER))
    arms = Counter(shop.engine.decide("hold", [visit(), visit(visit="b")])[0].arm for _ in range(60))
    assert min(arms["base"], arms["challenger"]) >= 12
    assert len({one["unit"] for one in shop.records()}) == 60


def test_who_takes_no_part_is_answered_by_the_base_and_not_counted(shop: Shop) -> None:
    try_out(shop, replace(TRYING, share=1.0, decisions=frozenset({"hold"})))
    (answer,) = shop.engine.decide("check", [visit()])
    assert (answer.arm, answer.manifest) == ("base", shop.manifest.id)
    shop.engine.decide("hold", [visit(shop=None)])
    assert all("rollout" not in one and "unit" not in one for one in shop.records())
    assert shop.engine.decide("check", []) == []
    assert shop.engine.decide("hold", [visit(visit="c")])[0].arm == "challenger"


def test_another_share_and_the_end_count_from_the_next_request_on(shop: Shop) -> None:
    try_out(shop, replace(TRYING, share=1e-9))
    assert shop.engine.decide("check", [visit()])[0].arm == "base"
    shop.engine.retry(replace(TRYING, share=1.0, step=1))
    assert shop.engine.decide("check", [visit()])[0].arm == "challenger"
    shop.engine.retry(None)
    assert shop.engine.trial is None
    assert shop.engine.decide("check", [visit()])[0].arm == "base"
    shop.engine.retry(TRYING)
    assert shop.engine.trial is None
    assert [one.get("rollout_step") for one in shop.records()] == [0, 1, None]


def test_a_head_that_moves_ends_the_trial_and_a_challenger_that_wins_need_not_be_loaded_again(shop: Shop) -> None:
    trial = try_out(shop)
    serving = shop.engine.switch(trial.challenger.snapshot, environment="production", revision=2)
    assert serving.tables is trial.challenger.tables
    assert (shop.engine.trial, serving.revision) == (None, 2)
    try_out(shop)
    shop.engine.switch(shop.snapshot, environment="production", revision=3)
    assert shop.engine.trial is None


def test_rows_that_come_in_count_for_both(shop: Shop) -> None:
    trial = try_out(shop, replace(TRYING, share=1.0))
    shop.engine.decide("check", [visit(at=END.isoformat())])
    assert shop.engine.ingest("results", [result_row(f"x{n}") for n in range(4)]).accepted == 4
    shop.engine.decide("check", [visit(at=END.isoformat())])
    shop.engine.retry(None)
    shop.engine.decide("check", [visit(at=END.isoformat())])
    before, *after = (one["features"]["seen"] for one in shop.records())  # type: ignore[index]
    assert after == [before + 4] * 2
    trial.challenger.tables.take("nowhere", [{}], END)
    trial.challenger.tables.take("results", [{"visit": 5}], END)
    assert trial.challenger.tables.replayed.refused == 1


def test_rows_that_the_challenger_alone_refuses_are_answered_by_the_base(shop: Shop) -> None:
    spine = shop.snapshot.decisions["check"].spine
    narrower = replace(spine, schema={name: dtype for name, dtype in spine.schema.items() if name != "items"})
    try_out(shop, replace(TRYING, share=1.0), spine=narrower)
    (answer,) = shop.engine.decide("check", [visit()])
    assert (answer.arm, answer.manifest) == ("base", shop.manifest.id)
    assert any("refuses rows that the base takes" in one for one in shop.engine.problems())
    shop.engine.retry(None)
    assert shop.engine.problems() == []


def slow(row: Any) -> bool:
    time.sleep(0.5)
    return True


def test_a_shadow_answers_as_well_is_recorded_and_never_returned(shop: Shop) -> None:
    shadow = replace(TRYING, is_shadow=True, share=1.0)
    try_out(shop, shadow, positive="stop", negative="proceed", fail_safe="stop")
    (answer,) = shop.engine.decide("check", [visit(amount=-4.0)])
    assert (answer.arm, answer.manifest, answer.action) == ("base", shop.manifest.id, "pass")
    shop.engine.shadows.drain()
    returned, behind = shop.records()
    assert (returned["id"], returned["arm"]) == (answer.id, "base")
    assert (behind["arm"], behind["manifest"], behind["shadow_of"]) == ("shadow", "mother", answer.id)
    assert behind["action"] == "proceed"
    assert behind["against"]["action"] == "pass"  # type: ignore[index]
    assert behind["against"]["milliseconds"] == returned["milliseconds"]  # type: ignore[index]
    assert behind["unit"] == returned["unit"]
    assert behind["score"] == returned["score"]


def test_a_slow_or_broken_shadow_delays_and_changes_nothing(shop: Shop) -> None:
    part = shop.snapshot.decisions["check"]
    rule = type(part.rules[0])("slow", slow)
    try_out(shop, replace(TRYING, is_shadow=True, share=1.0), steps=(), rules=(rule,))
    answers = [shop.engine.decide("check", [visit(visit=f"{n}")])[0] for n in range(3)]
    assert sum(one["arm"] == "shadow" for one in shop.records()) < 3  # the answers did not wait for all of theirs
    assert all(one.path[-1].kind == "model" for one in answers)
    shop.engine.shadows.drain()
    shadows = [one for one in shop.records() if one["arm"] == "shadow"]
    assert {one["shadow_of"] for one in shadows} == {one.id for one in answers}
    narrower = replace(part.spine, schema={"visit": part.spine.schema["visit"]})
    try_out(shop, replace(TRYING, is_shadow=True, share=1.0), spine=narrower)
    assert shop.engine.decide("check", [visit(visit="z")])[0].arm == "base"
    shop.engine.shadows.drain()
    assert len(shop.records()) == 7


def test_hanging_steps_of_a_challenger_leave_the_base_its_threads(shop: Shop) -> None:
    class Busy:
        overdue = 3

        def run(self, call: Any, seconds: float) -> Any:
            raise TimeoutError("no thread is free")

        def close(self) -> None:
            return None

    shop.engine.trial_runner = Busy()
    try_out(shop, replace(TRYING, share=1.0))
    (answer,) = shop.engine.decide("check", [visit()])
    assert answer.fell
    assert {step.outcome for step in answer.path[:-1]} == {Outcome.RAISED}
    assert any("of a challenger" in one for one in shop.engine.problems())
    shop.engine.retry(None)
    assert not shop.engine.decide("check", [visit()])[0].fell


def test_shadows_take_what_fits_and_leave_out_the_rest() -> None:
    shadows, gate, done = Shadows(2), threading.Event(), []
    assert shadows.submit(gate.wait)
    while shadows._queue.qsize():
        time.sleep(0.001)
    taken = [shadows.submit(lambda n=n: done.append(n)) for n in range(5)]  # type: ignore[misc]
    assert taken == [True, True, False, False, False]
    assert shadows.left_out == 3
    gate.set()
    shadows.drain()
    assert done == [0, 1]
    shadows.submit(lambda: 1 / 0)
    shadows.drain()
    assert shadows.submit(lambda: done.append(9))
    shadows.drain()
    shadows.close()
    assert done == [0, 1, 9]
    assert not shadows.submit(lambda: None)


def test_shadows_that_never_began_end_at_once() -> None:
    Shadows().close()


def test_a_challenger_that_does_not_get_warm_takes_no_part(shop: Shop) -> None:
    def warm(_serving: object) -> None:
        raise ValueError("too cold")

    with pytest.raises(ValueError, match="too cold"):
        shop.engine.try_out(TRYING, challenger(shop), warm=warm)
    assert shop.engine.trial is None
    assert shop.engine.decide("check", [visit()])[0].arm == "base"
