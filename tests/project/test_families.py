"""Families: one declaration, many siblings; parts found in the data, built side by side, asked by the row's part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.projects import Tiny, edit, write_project

from soroi.base.errors import DeclarationError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.serve import Engine, load_snapshot
from soroi.store import AnswerLog, RowLog

CODE = '''"""A family of models: one for each side."""

import polars as pl
from sklearn.linear_model import LogisticRegression

import soroi as so


def read(name):
    rows = pl.scan_csv(name, schema_overrides={"at": pl.String})
    return rows.with_columns(pl.col("at").str.to_datetime(time_zone="UTC", time_unit="us"))


@so.source(key="id", time="at", files=so.file("items.csv"))
def items():
    side = pl.when(pl.col("y") > 0).then(pl.lit("up")).otherwise(pl.lit("down"))
    return read("items.csv").select("id", "at", "x", "y", side=side)


@so.source(key="id", time="at", files=so.file("outcomes.csv"))
def outcomes():
    return read("outcomes.csv")


@so.features(items)
def basic(items):
    return items.select("id", "x", "side")


@so.dataset(basic, outcomes)
def examples(basic, outcomes):
    return outcomes.join(basic, on="id").select("id", "at", "x", "side", "bad")


@so.model(examples, target="bad", split=so.by_time(test="7d"), per="side", parent="all")
def risk(train, strength=1.0):
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


risk_cut = so.threshold(risk, maximise=so.recall, subject_to=so.precision >= 0.5)
check = so.decision(cascade=[risk_cut], deadline="2s", positive="stop", negative="go", fail_safe="go")
'''


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Tiny]:
    tiny = Tiny(write_project(tmp_path / "family", CODE))
    yield tiny
    tiny.close()


def answers(tiny: Tiny, tmp_path: Path, rows: list[dict[str, object]]) -> list[tuple[str, str]]:
    """The name and the outcome of the first step that each row was asked."""
    snapshot = load_snapshot(tiny.project.store, tiny.project.manifest(), module="tiny", home=tiny.folder)
    engine = Engine(AnswerLog(tmp_path / "log"), RowLog(tmp_path / "log"), runtime=Runtime())
    try:
        engine.switch(snapshot, environment="production", revision=1)
        return [(one.path[0].name, one.path[0].outcome.value) for one in engine.decide("check", rows)]
    finally:
        engine.close()


def family_ids(folder: Path) -> list[tuple[str, float]]:
    """Id and ``y`` of each row of the sample."""
    lines = (folder / "items.csv").read_text().splitlines()[1:]
    return [(cells[0], float(cells[3])) for cells in (line.split(",") for line in lines)]


def row(name: str, side: str | None) -> dict[str, object]:
    return {"id": name, "x": 0.1, "y": 1.0, "side": side}


def test_the_parts_found_in_the_data_become_siblings_in_the_first_build(family: Tiny) -> None:
    made = family.build()
    assert set(made.versions) >= {"risk[up]", "risk[down]", "risk[all]", "risk_cut[up]", "risk_cut[all]"}
    assert {one.status for one in made.nodes.values()} == {"built"}
    assert set(family.statuses().values()) == {"fresh"}


def test_a_sibling_learns_from_the_rows_of_its_part_and_the_parent_from_all(family: Tiny) -> None:
    made = family.build().versions
    rows = {name: made[f"risk[{name}]"].facts["parts"]["train"]["rows"] for name in ("up", "down", "all")}
    assert rows["up"] + rows["down"] == pytest.approx(rows["all"], abs=2)
    assert min(rows.values()) > 100


def test_nothing_is_built_again_for_a_family_that_did_not_change(family: Tiny) -> None:
    family.build()
    assert {one.status for one in family.build().nodes.values()} == {"reused"}


def test_a_row_is_answered_by_the_sibling_of_its_part_and_others_by_the_parent(family: Tiny, tmp_path: Path) -> None:
    family.build()
    family.project.stage(everything=True)
    family.project.release()
    asked = answers(family, tmp_path, [row("a", "up"), row("b", "down"), row("c", "sideways"), row("d", None)])
    assert [name for name, _ in asked] == ["risk_cut[up]", "risk_cut[down]", "risk_cut[all]", "risk_cut[all]"]


def test_without_a_parent_an_unknown_part_falls_to_the_fail_safe(family: Tiny, tmp_path: Path) -> None:
    edit(family.folder, ', parent="all"', "")
    family.build()
    family.project.stage(everything=True)
    family.project.release()
    assert answers(family, tmp_path, [row("c", "sideways")]) == [("risk_cut", "unknown_part")]


def test_a_failed_part_stops_only_itself_and_its_rows_are_answered_by_the_parent(family: Tiny, tmp_path: Path) -> None:
    edit(family.folder, "    X, y = so.xy(train)\n", "    X, y = so.xy(train)\n    assert not fails(train)\n")
    few = "set(train.columns) >= {'at'} and 100 < len(train) and train['id'].min() == UP"
    ups = [one for one in family_ids(family.folder) if one[1] > 0]
    edit(
        family.folder,
        "def read(name):",
        f"UP = {ups[0][0]!r}\n\n\ndef fails(train):\n    return {few}\n\n\ndef read(name):",
    )
    result = family.attempt()
    assert {name for name, one in result.nodes.items() if one.status == "failed"} == {"risk[up]"}
    assert result.nodes["risk_cut[up]"].status == "skipped"
    assert family.project.stage(everything=True).manifest is not None
    family.project.release()
    assert answers(family, tmp_path, [row("a", "up"), row("b", "down")]) == [
        ("risk_cut[all]", "answered"),
        ("risk_cut[down]", "answered"),
    ]


def test_one_sibling_can_be_built_staged_and_left_behind_alone(family: Tiny) -> None:
    family.build()
    family.project.stage(everything=True)
    made = family.build("risk[up]", set={"risk[up]": {"strength": 0.01}})
    assert set(made.versions) == {"risk[up]"}
    report = family.project.stage(made.versions["risk[up]"].id).report
    assert list(report.behind) == ["risk_cut[up]"]


def test_the_name_of_a_family_stands_for_all_its_siblings(family: Tiny) -> None:
    family.build()
    made = family.build("risk", set={"risk": {"strength": 0.5}})
    siblings = [made.versions[name] for name in ("risk[up]", "risk[down]", "risk[all]")]
    assert all(one.overrides == {"strength": 0.5} for one in siblings)
    assert "risk_cut[up]" not in made.versions
    with pytest.raises(UnknownNameError, match="a family of 3 nodes"):
        family.project.graph["risk"]


def test_a_new_part_in_the_data_is_a_new_sibling_and_makes_no_other_stale(family: Tiny) -> None:
    family.build(as_of="2026-02-01")
    family.project.stage(everything=True)
    before = {node: one.staged for node, one in family.project.statuses().items()}
    side = 'side = pl.when(pl.col("y") > 0)'
    edit(family.folder, side, 'side = pl.when(pl.col("y") > 1.2).then(pl.lit("top")).when(pl.col("y") > 0)')
    made = family.build(as_of="2026-02-01")
    assert "risk[top]" in made.versions
    assert made.nodes["risk[down]"].status == "built"  # its dataset is another one now
    assert before["risk[down]"] is not None


def test_parts_may_be_declared(family: Tiny) -> None:
    edit(family.folder, 'per="side"', 'per="side", parts=["up"]')
    assert set(family.build().versions) >= {"risk[up]", "risk[all]"}
    family.project.reload()
    assert "risk[down]" not in family.project.graph
    assert family.project.graph.families["risk"].members == ("risk[up]", "risk[all]")


def test_a_declared_part_without_rows_is_named_with_its_remedy(family: Tiny) -> None:
    edit(family.folder, 'per="side"', 'per="side", parts=["up", "left"]')
    failed = {one.node: one.error for one in family.attempt().failed}
    assert set(failed) == {"risk[left]"}
    assert "side = 'left'" in str(failed["risk[left]"]["message"] if failed["risk[left]"] else "")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('per="side", parent="all"', 'parent="all"', "need per="),
        ('per="side"', 'per="side", parts=["up", "up"]', "each part once"),
        ('per="side"', 'per="side", parts=["up", "all"]', "one of the parts"),
        ('per="side"', 'per="side", parts=["u[p"]', "ids use"),
    ],
)
def test_a_wrong_family_is_refused_at_load(family: Tiny, old: str, new: str, what: str) -> None:
    edit(family.folder, old, new)
    family.project.reload()
    with pytest.raises(DeclarationError, match=what):
        family.project.graph  # noqa: B018


def test_a_model_on_a_family_must_be_a_family_of_the_same_parts(family: Tiny) -> None:
    edit(family.folder, 'parent="all")', 'parent="all", out_of_fold=2)')
    more = (
        "\n\n@so.model(examples, target='bad', split=so.by_time(test='7d'), scores=[risk])\ndef more(train):\n    ...\n"
    )
    edit(family.folder, "risk_cut = ", more + "\n\nrisk_cut = ")
    edit(family.folder, 'per="side"', 'per="side", parts=["up"]')
    family.project.reload()
    with pytest.raises(DeclarationError, match="a family of one node per 'side'"):
        family.project.graph  # noqa: B018


def test_a_thousand_parts_are_planned_and_judged_quickly(family: Tiny) -> None:
    parts = [f"p{n:04d}" for n in range(1000)]
    edit(family.folder, 'per="side"', f'per="side", parts={parts!r}')
    family.project.reload()
    status = family.project.statuses()
    assert sum(one.state.value == "missing" for one in status.values()) == 1001 + 1001 + 5
    assert family.project.plan().commands[0].startswith("soroi build")


def test_a_plan_names_a_whole_family_by_its_name(family: Tiny) -> None:
    family.build()
    family.project.stage(everything=True)
    edit(family.folder, "LogisticRegression(C=strength)", "LogisticRegression(C=strength + 1)")
    family.project.reload()
    assert family.project.plan().commands[0] == "soroi build risk risk_cut"
    graph = family.project.graph
    assert graph.contract(["basic", "risk[up]"]) == ["basic", "risk[up]"]
