from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.projects import LATER, Tiny

import soroi as so
from soroi.declare.gate import GateSpec
from soroi.release.checks import judge_gate, percentile
from soroi.release.gates import Gate, settled_for
from soroi.release.judged_rows import against_live
from soroi.release.subject import Subject, Trial
from soroi.rules import Finding


def judged(spec: GateSpec, subject: Subject) -> Finding:
    return judge_gate(Gate(spec, subject.decision, settled=settled_for(spec, subject)), subject)


@pytest.fixture
def subject(tiny: Tiny) -> Subject:
    """The decision ``check`` of what is live, on its way to where nothing is live."""
    return tiny.project.subject("check", "trial")


def challenger(tiny: Tiny, strength: float, **options: Any) -> Subject:
    """The decision ``check`` of a staged set with another quick model, over what is live."""
    result = tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": strength}}, **options)
    assert tiny.project.stage(*(one.id for one in result.versions.values())).manifest is not None
    return tiny.project.subject("check")


# ── what is asked about ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_subject_holds_what_its_decision_rests_on_and_nothing_else(subject: Subject) -> None:
    assert set(subject.versions) == {"check", "quick_cut", "careful_cut", "quick", "careful", "basic"}
    assert subject.live_versions == {}
    assert {one.node for one in subject.behind("dataset")} == {"examples"}
    assert {one.node for one in subject.behind("source")} == {"items", "outcomes"}


def test_what_it_would_have_done_is_what_it_does(tiny: Tiny, subject: Subject) -> None:
    from soroi.serve import Engine, load_snapshot
    from soroi.store import AnswerLog, RowLog

    project = tiny.project
    snapshot = load_snapshot(project.store, project.manifest(), module="tiny", home=tiny.folder)
    rows = subject.test_rows().head(40)
    items = pl.read_csv(tiny.folder / "items.csv").join(rows, on="id", how="semi", maintain_order="right")
    engine = Engine(AnswerLog(tiny.folder / "answers"), RowLog(tiny.folder / "rows"))
    engine.switch(snapshot, environment="test", revision=1)
    asked = [{**one, "at": datetime.fromisoformat(one["at"])} for one in items.iter_rows(named=True)]
    said = {one["id"]: answer.positive for one, answer in zip(asked, engine.decide("check", asked), strict=True)}
    engine.close()
    assert [said[one] for one in rows["id"]] == rows["acted"].to_list()
    assert len(set(said.values())) == 2


def test_figures_of_a_single_step_are_those_of_its_threshold(tiny: Tiny) -> None:
    other = tiny.project.subject("other")
    stored = {one["name"]: one for one in other.versions["second_cut"].facts["figures"]}
    for figure in other.figures():
        assert (figure.value, figure.low) == (stored[figure.name]["value"], stored[figure.name]["low"])


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [
        (so.at_least(so.recall, 0.1), "pass"),
        (so.at_least(so.precision, 0.999), "fail"),
        (so.at_most(so.alert_rate, 0.0), "fail"),
        (so.keeps(so.recall <= 1.0), "pass"),
    ],
)
def test_a_bound_is_kept_by_the_whole_interval(subject: Subject, spec: GateSpec, outcome: str) -> None:
    found = judged(spec, subject)
    assert found.outcome == outcome
    assert found.figures[0]["name"] == spec.options["metric"]


def test_a_bound_within_the_interval_is_inconclusive(subject: Subject) -> None:
    value = subject.figure("precision").value
    assert value is not None
    found = judged(so.at_least(so.precision, round(value, 3)), subject)
    assert found.outcome == "inconclusive"
    assert "cannot be told" in found.reason.text


# ── comparisons ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_live_and_the_live_one_itself_cannot_be_beaten(tiny: Tiny, subject: Subject) -> None:
    assert judged(so.beats("live"), subject).outcome == "not_applicable"
    same = tiny.project.subject("check")
    found = judged(so.beats("live"), same)
    assert (found.outcome, "very same versions" in found.reason.text) == ("not_applicable", True)


def test_an_equal_challenger_is_not_worse_and_not_shown_to_be_better(tiny: Tiny) -> None:
    subject = challenger(tiny, 0.9)
    assert judged(so.beats("live", by=-0.1), subject).outcome == "pass"
    assert judged(so.beats("live", by=0.0), subject).outcome == "inconclusive"
    assert judged(so.beats("live", by=0.3), subject).outcome == "fail"


def test_live_models_score_newer_rows_than_they_were_judged_on(tiny: Tiny) -> None:
    result = tiny.build(as_of=LATER, refresh=True)
    assert tiny.project.stage(*(one.id for one in result.versions.values() if one.kind in (
        "features", "model", "threshold", "decision"))).manifest is not None  # fmt: skip
    subject = tiny.project.subject("check")
    compared = against_live(tiny.project.store, subject.versions, subject.live_versions, "check")
    assert compared.target.size == subject.test_rows().height > 300
    second = tiny.project.subject("other")
    assert against_live(tiny.project.store, second.versions, second.live_versions, "other").target.size > 300


def test_steps_of_different_ages_are_judged_on_the_newest_rows(tiny: Tiny) -> None:
    later = ["careful", "careful_cut", "second", "second_cut"]
    result = tiny.build(*later, as_of=LATER, refresh=True, upstream=True)
    new = [result.versions[one].id for one in later]
    assert tiny.project.stage(*new).manifest is not None
    subject = tiny.project.subject("check")
    rows = subject.test_rows()
    assert subject.versions["quick"].id == subject.live_versions["quick"].id
    assert rows.filter(pl.col("at") <= datetime(2026, 2, 7, tzinfo=UTC)).is_empty()
    assert rows.height > 300
    assert judged(so.beats("live", by=-0.2), subject).outcome == "pass"
    assert judged(so.beats("constant"), subject).outcome == "pass"


def test_rows_that_the_live_models_learned_from_are_left_out(tiny: Tiny) -> None:
    old = tiny.project.manifest()
    result = tiny.build(as_of=LATER, refresh=True)
    answering = [
        one.id for one in result.versions.values() if one.kind in ("features", "model", "threshold", "decision")
    ]
    assert tiny.project.stage(*answering).manifest is not None
    tiny.project.release()
    subject = replace(tiny.project.subject("check"), manifest=old)
    found = judged(so.beats("live", by=-0.1), subject)
    assert found.outcome == "error"
    assert "there are no rows to compare" in found.reason.text


def test_a_constant_and_a_rule_are_compared_on_the_same_rows(tiny: Tiny, subject: Subject) -> None:
    assert judged(so.beats("constant"), subject).outcome == "pass"
    assert judged(so.beats("constant", by=0.9), subject).outcome == "fail"
    assert judged(so.beats("constant", metric=so.accuracy, by=-0.5), subject).outcome == "pass"
    said: list[bool | None] = []

    def rule(row: Any) -> bool | None:
        said.append(None if row["x"] is None else row["x"] > 1)
        return said[-1]

    found = judged(so.beats(rule), subject)
    assert found.outcome == "pass"
    assert len(said) == subject.test_rows().height
    assert "against the rule rule" in found.reason.text


def test_a_rule_that_cannot_say_takes_the_fail_safe_action(subject: Subject) -> None:
    def silent(row: Any) -> bool | None:
        return None

    found = judged(so.beats(silent, by=0.5), subject)
    assert found.outcome == "pass", "the fail-safe lets everything go, and finds nothing"


# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "outcome", "says"),
    [
        ({"join_rate": 0.9}, "pass", "holds 0.993"),
        ({"positives": 10}, "pass", "positive test rows"),
        ({"positives": 100_000}, "fail", "fewer than 100000"),
        ({"fresh_within": "1d"}, "fail", "more than 1 d"),
        ({"fresh_within": "10000d"}, "pass", "old"),
        ({}, "not_applicable", "nothing"),
    ],
)
def test_data_are_whole_enough_and_fresh(subject: Subject, options: Any, outcome: str, says: str) -> None:
    late = replace(subject, now=datetime(2026, 6, 1, tzinfo=UTC))
    found = judged(so.data_checks(**options), late)
    assert found.outcome == outcome
    assert says in found.reason.text


def test_fresh_data_are_fresh_for_a_day_only() -> None:
    assert so.data_checks(fresh_within="7d").lasts == timedelta(days=1)
    assert so.data_checks(join_rate=0.9).lasts is None


# ── latency ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("trial", "outcome"),
    [
        (Trial(tuple([1.0] * 1000)), "pass"),
        (Trial(tuple([1.0] * 950 + [90.0] * 50)), "fail"),
        (Trial(tuple([1.0] * 989 + [90.0] * 11)), "inconclusive"),
        (Trial(tuple([1.0] * 298)), "inconclusive"),
        (Trial(tuple([1.0] * 1000), late=11), "fail"),
        (Trial(), "error"),
    ],
)
def test_the_99th_percentile_with_its_interval_keeps_the_promise(subject: Subject, trial: Trial, outcome: str) -> None:
    assert judged(so.latency("40ms"), replace(subject, tried=lambda _: trial)).outcome == outcome


def test_without_a_serving_process_nothing_is_known_of_latency(subject: Subject) -> None:
    assert judged(so.latency("40ms"), subject).outcome == "error"


def test_the_interval_of_a_percentile_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    truth = float(np.exp(2.3263478740408408))  # of the log-normal distribution
    held = [percentile(sorted(np.exp(rng.normal(size=1000)).tolist())) for _ in range(400)]
    assert sum(low > truth for _, low, _ in held) / 400 <= 0.09
    assert sum(high < truth for _, _, high in held) / 400 <= 0.09
