"""Keeping house in a real project: candidates are collected, built again, and nobody loses what is live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.projects import SMALL, Maker, Tiny, states, write_project

from soroi.base.errors import CollectedError, ConfigError, RefusedError, UnknownNameError
from soroi.base.runtime import ManualClock, RandomIds, Runtime
from soroi.build.run import Run
from soroi.codebase.retention import Retention
from soroi.project import Project

MONTH = timedelta(days=31)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def small(tmp_path: Path, clock: ManualClock, few_threads: None) -> Iterator[Tiny]:
    """The smallest project, built, staged and released; a month later."""
    folder = write_project(tmp_path / "small", SMALL)
    tiny = Tiny(folder, runtime=Runtime(clock, RandomIds(), "ann"))
    tiny.build()
    assert tiny.project.stage(everything=True).manifest is not None
    tiny.project.release()
    yield tiny
    tiny.close()


def test_a_candidate_is_collected_said_and_built_again(small: Tiny, clock: ManualClock) -> None:
    p = small.project
    trial = small.build("guess", set={"guess": {"strength": 0.1}}).versions["guess"].id
    assert p.why_kept(trial).because[0].kind == "candidate"
    assert p.collect().objects == {}
    clock.advance(MONTH)
    assert p.why_kept(trial).kind == "unneeded"
    seen = p.collect()
    assert dict(seen.versions) == {"tiny": [trial]}
    assert "Would remove" in seen.display().title
    assert p.collect(apply=True).to_dict()["versions"] == seen.to_dict()["versions"]
    assert p.why_kept(trial).kind == "collected"
    with pytest.raises(CollectedError, match=f"{trial} was collected by ann"):
        p.stage(trial)
    with pytest.raises(CollectedError):
        p.hold(trial, reason="too late")
    again = small.build("guess", set={"guess": {"strength": 0.1}})
    assert states(again)["guess"] == "built"
    assert again.versions["guess"].id == trial
    p.stage(trial)
    assert not small.build("guess").failed
    with p.store.catalogue.read() as tx:
        assert not tx.tombstones.any()


def test_what_is_live_stays_whole_for_ever(small: Tiny, clock: ManualClock) -> None:
    p = small.project
    clock.advance(50 * MONTH)
    p.collect(apply=True)
    assert set(states(small.build()).values()) == {"reused"}
    live = p.manifest()
    for version in live.picks.values():
        record = p.version(version)
        for name, held in record.outputs.items():
            if name.startswith(("table", "scores:")):
                p.store.tables.verify(held)
            else:
                p.store.objects.verify(held, name)
    assert p.why_kept(live.picks["guess"]).because[0].kind == "head"


def test_a_run_that_is_open_keeps_what_it_may_use(small: Tiny, clock: ManualClock) -> None:
    p = small.project
    trial = small.build("guess", set={"guess": {"strength": 0.1}}).versions["guess"].id
    clock.advance(MONTH)
    collected: list[Any] = []

    def meanwhile(node: str, status: str, note: str) -> None:
        if (node, status) == ("guess", "reused"):
            with Project(p.config, p.runtime) as other:
                collected.append(other.collect(apply=True))

    again = small.build("guess", "cut", set={"guess": {"strength": 0.1}}, progress=meanwhile)
    assert states(again)["guess"] == "reused"
    assert collected
    assert collected[0].objects == {}
    assert again.versions["guess"].id == trial


def test_a_node_whose_bytes_are_collected_while_it_is_built_is_built_once_more(
    small: Tiny, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = small.project
    trial = small.build("guess", set={"guess": {"strength": 0.1}}).versions["guess"]
    clock.advance(MONTH)
    p.config = replace(p.config, retention=Retention(runs=timedelta(0)))
    commit, calls = Run._commit, list[str]()

    def late(run: Run, name: str, draft: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            clock.advance(timedelta(days=2))
            with Project(p.config, p.runtime) as other:
                assert trial.outputs["file:model.skops"][:2] in str(other.collect(apply=True).objects)
        return commit(run, name, draft)

    monkeypatch.setattr(Run, "_commit", late)
    again = small.build("guess", set={"guess": {"strength": 0.1}}, force=True)
    assert calls[:2] == ["guess", "guess"]
    assert again.versions["guess"].id == trial.id
    p.stage(trial.id)


def test_holds_are_listed_and_released(small: Tiny) -> None:
    p = small.project
    made = p.hold("guess", reason="case 12")
    assert p.holds() == [made]
    assert made.subject == "guess"
    p.release_hold(made.id)
    assert p.holds() == []
    assert len(p.holds(open_only=False)) == 1
    assert p.hold(p.manifest().id[:6], reason="audit").subject == p.manifest().id
    with pytest.raises(RefusedError, match="a hold needs a reason"):
        p.hold("guess", reason=" ")
    with pytest.raises(UnknownNameError, match="neither a version, a manifest, a run nor a node"):
        p.hold("nothing", reason="x")


def test_what_nobody_uses_is_listed_with_owner_time_and_cost(make: Maker, clock: ManualClock) -> None:
    code = SMALL.replace(
        "import soroi as so\n", 'import soroi as so\n\nteam = so.group("team", owner="t@x.org")\n'
    ).replace('target="bad",', 'target="bad", group=team,')
    tiny = make(code)
    p = tiny.project
    p.runtime = Runtime(clock, RandomIds(), "ann")
    tiny.build()
    p.stage(everything=True)
    p.release()
    trial = tiny.build("guess", set={"guess": {"strength": 0.1}}).versions["guess"]
    assert p.unused("30d").nodes == ()
    clock.advance(MONTH)
    p.config = replace(p.config, cost_per_hour=3600.0)
    found = p.unused("30d")
    (one,) = found.nodes
    assert (one.node, one.owner, one.versions, one.of) == ("guess", "t@x.org", (trial.id,), 2)
    assert one.seconds > 0
    assert one.cost == pytest.approx(one.seconds)
    assert "guess" in found.display().text()
    assert found.to_dict()["cost"] == pytest.approx(found.seconds)
    p.stage(trial.id)
    assert p.unused("30d").nodes == ()
    with pytest.raises(ConfigError, match="'soon' is not a span"):
        p.unused("soon")
