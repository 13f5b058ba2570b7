from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run

ANSWERING = {"form", "risk", "risk_cut", "show_expert"}


def test_from_staging_to_release_and_back(run: Run, built: Path) -> None:
    there = ("--project", built, "--json")
    assert run("release", *there).data["error"]["code"] == "out-of-step"
    partial = run("stage", "risk", *there)
    assert partial.code == 0
    assert partial.data["manifest"] is None
    assert partial.data["missing"]
    staged = run("stage", "--all", *there).data
    assert staged["in_step"] is True
    plan = run("plan", *there).data
    assert plan["releasable"] is True
    assert set(plan["changes"]) == ANSWERING
    done = run("release", *there)
    assert done.code == 0
    assert done.data["moved"] is True
    assert done.data["manifest"] == staged["manifest"]
    again = run("release", *there)
    assert again.code == 0
    assert again.data["moved"] is False
    assert run("rollback", *there).code == 3


def test_out_of_step_is_refused_with_status_3_and_changes_nothing(run: Run, released: Path) -> None:
    there = ("--project", released, "--json")
    before = run("plan", *there).data
    staged = run("stage", "risk", "--best", "log_loss", *there)
    candidate = _other(run, released, before["nodes"])
    assert staged.data["chosen"]["risk"]["among"] == 2
    assert run("stage", candidate, *there).data["behind"].keys() == {"risk_cut"}
    plan = run("plan", *there).data
    assert plan["live"] == before["live"]
    assert plan["in_step"] is False
    assert set(plan["behind"]) == {"risk_cut"}
    done = run("release", *there)
    assert done.code == 3
    assert "risk_cut" in done.data["error"]["message"]
    assert run("plan", *there).data["live"] == before["live"]


def _other(run: Run, folder: Path, nodes: list[dict[str, str]]) -> str:
    staged = next(one["staged"] for one in nodes if one["node"] == "risk")
    listed = run("status", "risk", "--versions", "--project", folder, "--json").data["versions"]
    return str(next(one["id"] for one in listed if one["id"] != staged))


def test_what_is_behind_is_built_staged_released_and_rolled_back(run: Run, released: Path) -> None:
    there = ("--project", released, "--json")
    first = run("plan", *there).data
    candidate = _other(run, released, first["nodes"])
    run("stage", candidate, "--note", "a try", *there)
    shown = run("plan", "--project", released).out
    assert "Staging is out of step: risk_cut." in shown
    assert "refit" in shown
    assert run("plan", "--explain", "risk_cut", "--project", released).code == 0
    assert run("build", "--behind", *there).code == 0
    assert run("stage", "risk_cut", *there).data["in_step"] is True
    second = run("release", "--reason", "better", *there).data
    assert second["before"] == first["live"]
    back = run("rollback", *there).data
    assert back["manifest"] == first["live"]
    forward = run("rollback", "--to", second["manifest"], *there).data
    assert forward["manifest"] == second["manifest"]


def test_staging_nothing_is_a_wrong_command_line(run: Run, built: Path) -> None:
    assert run("stage", "--project", built).code == 2


def test_best_is_of_nodes(run: Run, released: Path) -> None:
    assert run("stage", "--all", "--best", "roc_auc", "--project", released).code == 2
    assert run("stage", "risk@123", "--best", "roc_auc", "--project", released).code == 2
    assert run("stage", "risk", "--best", "nope", "--project", released).code == 2


def test_a_node_is_taken_out_of_staging(run: Run, released: Path) -> None:
    done = run("stage", "--remove", "risk_cut", "--project", released, "--json")
    assert done.data["changed"]["risk_cut"]["to"] is None
    assert done.data["in_step"] is False


def test_data_is_not_staged(run: Run, built: Path) -> None:
    done = run("stage", "tickets", "--project", built)
    assert done.code == 3
    assert "data is not staged" in done.err


def test_explaining_a_node_that_needs_nothing_says_so(run: Run, released: Path) -> None:
    done = run("plan", "--explain", "form", "--project", released)
    assert "in step" in done.out
    assert run("plan", "--explain", "nope", "--project", released).code == 2
