"""What crosses from another project is shown: by the plan, the status, the trace and the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commands import Run
from tests.cli.conftest import run
from tests.pairs import Pair, copy_pair, release, write_pair
from tests.projects import edit

from soroi.declare.node import NodeKind
from soroi.release.crossing import Crossing

__all__ = ["run"]


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Path:
    folder = tmp_path_factory.mktemp("crossing") / "pair"
    pair = write_pair(folder)
    release(pair.base)
    release(pair.shop)
    pair.close()
    return folder


@pytest.fixture
def pair(_released: Path, tmp_path: Path) -> Iterator[Pair]:
    """Two projects in one store, both released."""
    opened = copy_pair(_released, tmp_path / "pair")
    yield opened
    opened.close()


def crossing(pair: Pair, name: str) -> Crossing:
    pair.shop.project.reload()
    return next(one for one in pair.shop.project.plan().crossing if one.node == name)


def test_the_plan_shows_what_is_used_what_they_have_now_and_whom_to_ask(pair: Pair) -> None:
    live = f"base:{pair.base.project.manifest().picks['basic']}"
    assert crossing(pair, "base:basic") == Crossing(
        "base:basic", NodeKind.FEATURES, "base", live, live, pinned=False, owner="sky@example.com", problem=None
    )
    assert {one.node for one in pair.shop.project.plan().crossing} == {"base:basic", "base:items"}
    assert pair.base.project.plan().crossing == ()
    assert not crossing(pair, "base:basic").differs


def test_another_release_there_shows_until_it_is_staged_here(pair: Pair) -> None:
    before = crossing(pair, "base:basic").used
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", "x", z=pl.col("x") * 2.0)')
    release(pair.base)
    now = f"base:{pair.base.project.manifest().picks['basic']}"
    found = crossing(pair, "base:basic")
    assert (found.used, found.now, found.differs) == (before, now, True)
    assert f"production has {now}" in str(found)
    pair.shop.build()
    assert crossing(pair, "base:basic").used == before
    plan = pair.shop.project.plan()
    needs = {one.node: one.action.value for one in plan.nodes}
    assert needs["base:basic"] == "stage"
    assert {one.node: one.owner for one in plan.nodes}["base:basic"] == "sky@example.com"
    pair.shop.project.stage(everything=True)
    assert (crossing(pair, "base:basic").used, crossing(pair, "base:basic").differs) == (now, False)


def test_a_pin_is_shown_as_one_beside_what_they_have_now(pair: Pair) -> None:
    pin = pair.base.project.manifest().picks["basic"]
    edit(pair.shop.folder, 'features="basic"', f'features="{pin}"', name="shop.py")
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", "x", z=pl.col("x") * 2.0)')
    release(pair.base)
    found = crossing(pair, "base:basic")
    assert (found.pinned, found.used, found.differs) == (True, f"base:{pin}", True)
    assert pair.shop.project.plan().commands == ()


def test_the_commands_show_it_as_text_and_as_data(pair: Pair, run: Run) -> None:
    data = run("plan", "--project", pair.shop.folder, "--json").data["crossing"]
    assert [one["node"] for one in data] == ["base:basic", "base:items"]
    assert set(data[0]) == {"node", "kind", "project", "used", "now", "pinned", "owner", "problem"}
    text = " ".join(run("plan", "--project", pair.shop.folder).out.split())
    assert "from another project" in text
    assert "base:basic" in text
    assert "follows production" in text
    assert "sky@example.com" in text
    shown = run("status", "base:basic", "--project", pair.shop.folder)
    assert shown.code == 0
    assert "of project 'base'; follows its production (sky@example.com)" in " ".join(shown.out.split())
    drawn = run("graph", "--project", pair.shop.folder)
    assert "base:basic" in drawn.out
    unknown = run("status", "base:basics", "--project", pair.shop.folder)
    assert unknown.code == 2
    assert "base:basic" in unknown.err


def test_what_cannot_be_used_is_told_in_the_plan_and_builds_end_with_the_code_of_a_declaration(
    pair: Pair, run: Run
) -> None:
    edit(pair.shop.folder, 'features="basic"', 'features="basics"', name="shop.py")
    text = " ".join(run("plan", "--project", pair.shop.folder).out.split())
    assert "never built a node 'basics'" in text
    done = run("build", "--project", pair.shop.folder)
    assert done.code == 2
    assert "base:basics" in done.err
    assert "shop.py:10" in done.err


def test_a_trace_leads_into_the_other_project(pair: Pair) -> None:
    picks = pair.shop.project.manifest().picks
    text = repr(pair.shop.project.trace(picks["cut"]))
    assert f"uses feature: {picks['base:basic']}" in text
    assert "reads: base:items@" in text
    assert "of project 'base', code" in text
    down = repr(pair.shop.project.trace(picks["base:basic"]))
    assert "used by examples@" in down
    whole = repr(pair.shop.project.trace(pair.shop.project.manifest().id))
    assert "base:basic: " in whole


def test_what_if_tells_whom_a_change_of_a_shared_node_concerns(pair: Pair) -> None:
    found = pair.shop.project.what_if("base:basic")
    assert [one.node for one in found.affected] == ["base:basic", "examples", "mine", "cut", "ask"]
    assert "shop@example.com" in found.owners
    assert found.decisions == ("ask",)
