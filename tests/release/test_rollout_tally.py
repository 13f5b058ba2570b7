"""Counting answers: a unit once, by its first event, whatever the order they are read in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.release.rollouts import NOW, Rolling, someone

from soroi.evidence.anytime import Stratum
from soroi.release.rollout import BASE, CHALLENGER, EACH_ANSWER, SHADOW, Guard, RolloutPlan, terms_of
from soroi.release.rollout_tally import Firsts, Known, Tally, Watched
from soroi.store import RolloutRecord

STEPS = [0.25, 0.5]


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    made = Rolling(tmp_path / "store")
    yield made
    made.close()


def begun(rolling: Rolling, *guards: str, key: str = "who", mode: str = "canary") -> RolloutRecord:
    steps = STEPS if mode == "canary" else [1.0]
    return rolling.start(RolloutPlan.of(key, mode=mode, steps=steps, guards=guards))


def counted(record: RolloutRecord, answers: list[dict[str, Any]]) -> Tally:
    tally = Tally(record.id, terms_of(record))
    tally.add(answers)
    return tally


def strata(tally: Tally) -> list[Stratum]:
    (watched,) = tally.watched["check"]
    return watched.strata


def test_a_first_event_counts_and_an_earlier_one_takes_its_place() -> None:
    firsts = Firsts(alone=False)
    for at, step, challenger in ((5, 1, True), (7, 1, True), (2, 0, False)):
        firsts.add("u", NOW + timedelta(seconds=at), step, challenger)
    firsts.add("v", NOW, 1, True)
    assert {key: count for key, count in firsts.counts.items() if count} == {(0, False): 1, (1, True): 1}
    alone = Firsts(alone=True)
    alone.add("u", NOW, 0, True)
    alone.add("u", NOW, 0, True)
    assert alone.counts[0, True] == 2


def test_a_passenger_whose_every_answer_falls_is_one_fact(rolling: Rolling) -> None:
    record = begun(rolling, "errors")
    unlucky, lucky, base = someone(record, CHALLENGER), someone(record, CHALLENGER, 50), someone(record, BASE)
    answers = [rolling.row(record, who=unlucky, fell=True) for _ in range(40)]
    answers += [rolling.row(record, who=lucky), rolling.row(record, who=base, fell=True)]
    tally = counted(record, answers)
    assert strata(tally) == [Stratum(0.25, 1, 1)]
    assert tally.at_step(0) == {"base": 1, "challenger": 41}
    assert tally.at_step(1) == {}


def test_what_is_counted_does_not_depend_on_the_order(rolling: Rolling) -> None:
    record = begun(rolling, "errors", "actions")
    later = rolling.get(record.id)
    later = type(later)(**{**{n: getattr(later, n) for n in later.__struct_fields__}, "state": {"step": 1}})
    rng = random.Random(4)
    answers = [
        rolling.row(one, who=rng.randrange(60), fell=rng.random() < 0.2, positive=rng.random() < 0.5)
        for one in (record, later)
        for _ in range(300)
    ]
    found = []
    for _ in range(3):
        found.append([watched.strata for watched in counted(record, answers).watched["check"]])
        rng.shuffle(answers)
    assert found[0] == found[1] == found[2]
    assert [one.share for one in found[0][1]] == STEPS


def test_answers_of_others_are_passed_over(rolling: Rolling) -> None:
    record = begun(rolling, "errors")
    rows = [rolling.row(record, who=1, fell=True) for _ in range(4)]
    rows[0]["rollout"] = "rollout_other"
    del rows[1]["rollout"]
    rows[2]["decision"] = "elsewhere"
    rows[3]["rollout_step"] = 7
    assert strata(counted(record, rows)) == []


def test_latency_is_a_share_over_a_limit_that_was_fixed_when_it_began(rolling: Rolling) -> None:
    record = begun(rolling, "latency")
    who = someone(record, CHALLENGER)
    slow = someone(record, CHALLENGER, who + 1)
    missed = someone(record, CHALLENGER, slow + 1)
    rows = [
        rolling.row(record, who=who, milliseconds=50.0),
        rolling.row(record, who=slow, milliseconds=50.1),
        rolling.row(record, who=missed, deadline_missed=True),
    ]
    assert strata(counted(record, rows)) == [Stratum(0.25, 2, 0)]
    own = begun_with_limit(record)
    assert strata(counted(own, rows)) == [Stratum(0.25, 3, 0)]


def begun_with_limit(record: RolloutRecord) -> RolloutRecord:
    body = {**record.body, "plan": {**record.body["plan"], "guards": [{"measure": "latency", "over": 40.0}]}}
    return type(record)(**{**{n: getattr(record, n) for n in record.__struct_fields__}, "body": body})


def shadowed(rolling: Rolling, record: RolloutRecord, who: int, mine: dict[str, Any], theirs: dict[str, Any]) -> Any:
    returned = rolling.row(record, who=who, arm=BASE, **theirs)
    against = {name: returned[name] for name in ("action", "positive", "fell", "milliseconds", "deadline_missed")}
    return [returned, rolling.row(record, who=who, arm=SHADOW, against=against, **mine)]


def test_a_shadow_is_compared_with_the_answer_that_was_returned(rolling: Rolling) -> None:
    record = begun(rolling, "errors", "disagreement:0.1", mode="shadow")
    fell, well = {"fell": True}, {"fell": False}
    rows = []
    for who, (mine, theirs) in enumerate([(fell, well), (fell, fell), (well, fell), (well, well)]):
        rows += shadowed(rolling, record, who, mine, theirs)
    rows += shadowed(rolling, record, 9, {"action": "stop"}, {"action": "go"})
    tally = counted(record, rows)
    errors, disagreement = tally.watched["check"]
    assert errors.strata == [Stratum(0.5, 1, 1)]
    assert disagreement.trials == (1, 5)
    assert tally.at_step(0) == {"base": 5, "shadow": 5}


def test_a_largest_share_is_of_the_challengers_own_units(rolling: Rolling) -> None:
    record = begun(rolling, "errors:0.1")
    first, second, base = someone(record, CHALLENGER), someone(record, CHALLENGER, 40), someone(record, BASE)
    rows = [rolling.row(record, who=first, fell=n > 0) for n in range(3)]
    rows += [rolling.row(record, who=second), rolling.row(record, who=base, fell=True)]
    (watched,) = counted(record, rows).watched["check"]
    assert watched.trials == (1, 2)
    assert watched.strata == []


def test_outcomes_told_again_count_once(rolling: Rolling) -> None:
    record = begun(rolling, "quality:wrong", "business:revenue:0:10", key=EACH_ANSWER)
    rows = [rolling.row(record, who=n, fell=True) for n in range(6)]
    known = [
        Known("check", one["unit"], 0, one["arm"], one["at"], name, value)
        for one in rows
        for name, value in (("wrong", 1.0), ("revenue", 20.0 if one["arm"] == BASE else -3.0), ("else", 1.0))
    ]
    tally = counted(record, rows)
    for _ in range(3):
        tally.learn(known)
    quality, business = tally.watched["check"]
    mine = sum(one["arm"] == CHALLENGER for one in rows)
    assert quality.strata == [Stratum(0.25, mine, 6 - mine)]
    assert business.means == {arm: (float(arm == BASE), n) for arm, n in ((BASE, 6 - mine), (CHALLENGER, mine)) if n}
    assert business.capital.mean() > 0.0


def test_what_waits_for_outcomes_sees_nothing_in_answers(rolling: Rolling) -> None:
    record = begun(rolling)
    watched = Watched(Guard("quality", outcome="wrong"), terms_of(record), 1.0)
    watched.add(rolling.row(record, who=1, fell=True))
    assert watched.strata == []
