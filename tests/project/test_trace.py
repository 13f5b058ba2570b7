"""From an answer to the model, threshold, data and code behind it; and from a version down to what used it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest
from tests.projects import LATER, Tiny

from soroi.base.errors import UnknownNameError
from soroi.base.reason import Reason
from soroi.project.trace import trace
from soroi.serve import Engine, load_snapshot
from soroi.store import AnswerLog, RowLog


@pytest.fixture
def engine(tiny: Tiny) -> Iterator[Engine]:
    """An engine that answers by what is live."""
    project = tiny.project
    manifest = project.manifest()
    made = Engine(AnswerLog(project.config.store), RowLog(project.config.store))
    made.switch(
        load_snapshot(project.store, manifest, module=project.config.module, home=project.config.root),
        environment="production",
        revision=1,
    )
    yield made
    made.close()


def ask(engine: Engine, decision: str, **values: object) -> str:
    row = {"id": "new", "at": "2026-02-20T00:00:00+00:00", "x": 2.0, "y": 0.0, **values}
    (answer,) = engine.decide(decision, [row], now=datetime.fromisoformat(LATER + "T00:00:00+00:00"))
    engine.answers.flush()
    return str(answer.id)


def subjects(tree: Reason) -> set[str | None]:
    return {one.subject for one in tree.walk()}


def test_an_answer_leads_to_everything_it_rests_on(tiny: Tiny, engine: Engine) -> None:
    picks = tiny.picks()
    found = trace(tiny.project, ask(engine, "other"))
    assert {picks[one] for one in ("other", "second_cut", "second", "careful", "basic")} <= subjects(found.reason)
    for node in ("items", "outcomes", "examples"):
        assert tiny.project.versions(node)[0].id in subjects(found.reason)
    text = repr(found)
    assert "other answered 'stop'" in text
    assert f"from manifest {tiny.live()}, revision 1, made live" in text
    assert "against threshold" in text
    assert "second()" in text
    assert tiny.project.version(picks["second"]).code[:12] in text


def test_an_answer_tells_its_path_step_by_step(tiny: Tiny, engine: Engine) -> None:
    found = trace(tiny.project, ask(engine, "check", x=0.6))
    path = next(one for one in found.reason.because if one.kind == "path")
    assert path.because[0].subject == "quick_cut"
    policy = next(one for one in found.reason.because if one.kind == "policy")
    assert "quick_cut when ≤" in policy.text
    assert "then careful_cut; deadline 100 ms" in policy.text
    body = json.loads(msgspec.json.encode(found.to_dict()))
    assert body["trace"]["kind"] == "answer"
    assert body["record"]["decision"] == "check"


def test_an_answer_by_a_rule_is_traced_too(tiny: Tiny, engine: Engine) -> None:
    found = trace(tiny.project, ask(engine, "check", y=None))
    assert "rule" in repr(found)


def test_an_unknown_answer_says_where_ids_are_found(tiny: Tiny) -> None:
    with pytest.raises(UnknownNameError, match="no answer 'answer_0") as told:
        trace(tiny.project, "answer_000")
    assert "under 'id'" in str(told.value)


def test_an_answer_keeps_its_manifest_after_a_release(tiny: Tiny, engine: Engine) -> None:
    old, answer = tiny.live(), ask(engine, "other")
    result = tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": 0.1}})
    tiny.project.stage(*(one.id for one in result.versions.values()))
    tiny.project.release()
    assert tiny.live() != old
    assert old in subjects(trace(tiny.project, answer).reason)


def test_a_version_leads_up_to_its_data_and_down_to_what_used_it(tiny: Tiny) -> None:
    picks = tiny.picks()
    found = trace(tiny.project, picks["careful"])
    kinds = {one.kind: one for one in found.reason.because}
    below = {one.subject for one in found.reason.because if one.kind == "consumer"}
    assert below == {picks["careful_cut"], picks["second"]}
    assert kinds["manifest"].subject == tiny.live()
    assert "production from" in kinds["manifest"].text
    assert tiny.project.versions("outcomes")[0].id in subjects(found.reason)
    assert "fitted on" in found.reason.text


def test_a_candidate_that_was_never_released_says_so(tiny: Tiny) -> None:
    made = tiny.build("careful", set={"careful": {"strength": 0.1}}).versions["careful"]
    found = trace(tiny.project, made.id[:14])
    assert found.reason.subject == made.id
    assert {one.kind for one in found.reason.because} == {"edge", "code"}
    assert "strength=0.1" in found.reason.text


def test_a_source_leads_down_to_what_rests_on_it(tiny: Tiny) -> None:
    found = trace(tiny.project, tiny.project.versions("items")[0].id)
    below = {str(one.subject).partition("@")[0] for one in found.reason.because if one.kind == "consumer"}
    assert below == {"basic"}
    assert "known until 2026-01-31 23:30 UTC" in found.reason.text


def test_a_manifest_leads_to_its_picks_and_data(tiny: Tiny) -> None:
    live = tiny.live()
    assert live is not None
    found = trace(tiny.project, live[:9])
    assert set(tiny.picks().values()) <= subjects(found.reason)
    assert {one.subject for one in found.reason.because if one.kind == "data"} == {"items", "outcomes"}


@pytest.mark.parametrize("text", ["careful@zzzz", "m0000000", "nothing"])
def test_what_nobody_knows_is_said_so(tiny: Tiny, text: str) -> None:
    with pytest.raises(UnknownNameError):
        trace(tiny.project, text)
