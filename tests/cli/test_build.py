from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run


def test_what_did_not_change_is_not_run_again(run: Run, built: Path) -> None:
    done = run("build", "--project", built, "--json")
    assert done.code == 0
    assert done.data["ok"] is True
    assert {one["status"] for name, one in done.data["nodes"].items() if name != "x"} == {"reused"}


def test_a_candidate_is_made_with_the_parameters_that_were_set(run: Run, built: Path) -> None:
    done = run("build", "risk", "--set", "risk.strength=0.2", "--project", built, "--json")
    assert done.data["nodes"]["risk"]["status"] == "built"
    listed = run("status", "risk", "--versions", "--project", built, "--json")
    assert listed.data["versions"][0]["overrides"] == {"strength": 0.2}
    assert "strength=0.2" in run("status", "risk", "--versions", "--project", built).out


def test_progress_goes_to_standard_error_and_the_result_to_standard_output(run: Run, built: Path) -> None:
    done = run("build", "risk", "--project", built)
    assert "= risk reused" in done.err
    assert "0 built, 5 not run again" in done.out


def test_a_node_that_fails_ends_with_status_1_and_names_the_place(run: Run, built: Path) -> None:
    module = built / "project.py"
    module.write_text(module.read_text().replace("x, y = so.xy(train)", "raise RuntimeError('too hot')", 1))
    done = run("build", "risk_cut", "--upstream", "--project", built, "--json")
    assert done.code == 1
    assert done.data["ok"] is False
    failed = done.data["nodes"]["risk"]
    assert failed["status"] == "failed"
    assert "too hot" in failed["error"]["message"]
    assert failed["error"]["where"].startswith("project.py:")
    assert done.data["nodes"]["risk_cut"]["status"] == "skipped"
    shown = run("status", "risk", "--log", "--project", built)
    assert "too hot" in shown.out


def test_an_unknown_node_is_named_with_those_there_are(run: Run, built: Path) -> None:
    done = run("build", "riks", "--project", built)
    assert done.code == 2
    assert "did you mean 'risk'" in done.err


def test_an_unknown_parameter_is_refused(run: Run, built: Path) -> None:
    done = run("build", "risk", "--set", "risk.strenght=1", "--project", built)
    assert done.code == 2
    assert "did you mean 'strength'" in done.err


def test_a_moment_that_is_none_is_refused(run: Run, built: Path) -> None:
    assert run("build", "--as-of", "soon", "--project", built).code == 2


def test_nothing_behind_is_nothing_to_build(run: Run, released: Path) -> None:
    done = run("build", "--behind", "--project", released)
    assert done.code == 0
    assert "Nothing is behind" in done.out
