from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run

NODES = {"tickets", "outcomes", "form", "examples", "risk", "risk_cut", "show_expert"}


def test_before_the_first_build_all_is_missing(run: Run, fresh: Path) -> None:
    done = run("status", "--project", fresh, "--json")
    assert done.code == 0
    assert {one["node"] for one in done.data["nodes"]} == NODES
    assert {one["state"] for one in done.data["nodes"]} == {"missing"}
    assert "Next: soroi build" in run("status", "--project", fresh).out


def test_after_a_build_all_is_fresh(run: Run, built: Path) -> None:
    states = {one["node"]: one["state"] for one in run("status", "--project", built, "--json").data["nodes"]}
    assert states == dict.fromkeys(NODES, "fresh") | {
        name: states[name]
        for name in ("tickets", "outcomes")  # another place has other files
    }


def test_a_change_of_code_is_told_with_its_reasons(run: Run, built: Path) -> None:
    module = built / "project.py"
    module.write_text(module.read_text().replace("max_iter=500", "max_iter=400"))
    one = run("status", "risk", "--project", built, "--json").data
    assert one["state"] == "stale"
    assert one["reasons"]
    shown = run("status", "risk", "--project", built).out
    assert "risk (model) is stale" in shown
    assert one["reasons"][0]["text"] in " ".join(shown.split())


def test_versions_and_logs_are_of_one_node(run: Run, built: Path) -> None:
    assert run("status", "--versions", "--project", built).code == 2
    assert run("status", "--log", "--project", built).code == 2


def test_an_unknown_node_is_refused(run: Run, built: Path) -> None:
    for extra in ([], ["--versions"], ["--log"]):
        assert run("status", "nope", *extra, "--project", built).code == 2


def test_the_log_of_a_node_that_was_never_built_says_so(run: Run, fresh: Path) -> None:
    done = run("status", "risk", "--log", "--project", fresh)
    assert done.code == 2
    assert "soroi build risk" in done.err


def test_the_log_of_a_node_is_shown(run: Run, built: Path) -> None:
    done = run("status", "risk", "--log", "--project", built, "--json")
    assert done.data["status"] == "built"


def test_versions_show_their_figures_with_intervals(run: Run, built: Path) -> None:
    assert "roc_auc 0." in run("status", "risk", "--versions", "--project", built).out
    assert "3,000 rows" in run("status", "form", "--versions", "--project", built).out
