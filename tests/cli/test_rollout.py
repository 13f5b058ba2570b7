from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.cli.commands import Run

from soroi.base.errors import ForbiddenError
from soroi.base.runtime import Runtime
from soroi.cli.main import main
from soroi.project import open_project

KEY = ("--key", "ticket_id")


@pytest.fixture(scope="session")
def _rolling_shop(_released_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, and another set that is sealed in staging."""
    folder = Path(shutil.copytree(_released_shop, tmp_path_factory.mktemp("rolling") / "shop"))
    with open_project(folder) as project:
        live = project.manifest().picks["risk"]
        project.stage(next(one.id for one in project.versions("risk") if one.id != live))
    for command in (["build", "--behind"], ["stage", "risk_cut"]):
        assert main([*command, "--project", str(folder)]) == 0
    return folder


@pytest.fixture
def rolling(_rolling_shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_rolling_shop, tmp_path / "rolling"))


def test_a_rollout_from_its_beginning_to_its_end(run: Run, rolling: Path) -> None:
    there = ("--project", rolling, "--json")
    plan = run("plan", *there).data
    steps = ("--step", "5%:0s:0", "--step", "50%")
    started = run("rollout", "start", *KEY, *steps, "--guard", "errors", "--reason", "a try", *there)
    assert started.code == 0, started.err
    assert (started.data["base"], started.data["challenger"]) == (plan["live"], plan["manifest"])
    assert (started.data["status"], started.data["share"]) == ("running", 0.05)
    again = run("rollout", "start", *KEY, *there)
    assert again.code == 4
    assert again.data["error"]["code"] == "conflict"
    assert run("rollout", "advance", *there).data["share"] == 0.5
    paused = run("rollout", "pause", "--reason", "lunch", *there).data
    assert (paused["status"], paused["state"]["reason"]) == ("paused", "lunch")
    assert run("rollout", "advance", *there).code == 3
    assert run("rollout", "resume", *there).data["status"] == "running"
    assert run("plan", *there).data["live"] == plan["live"]
    done = run("rollout", "advance", *there)
    assert done.code == 0, done.err
    assert done.data["status"] == "done"
    assert run("plan", *there).data["live"] == plan["manifest"]
    listed = run("rollout", "list", *there).data["rollouts"]
    assert [(one["id"], one["status"]) for one in listed] == [(started.data["id"], "done")]
    assert run("rollout", "status", *there).data["status"] == "done"
    assert "canary of" in run("rollout", "status", "--project", rolling).out


def test_who_may_not_release_may_not_let_a_rollout_release_by_itself(rolling: Path) -> None:
    with open_project(rolling, runtime=Runtime(actor="ann")) as project:
        project.roles.grant("bob", "rollout", environment="production")
    with open_project(rolling, runtime=Runtime(actor="bob")) as project:
        with pytest.raises(ForbiddenError, match="release"):
            project.rollout(key="ticket_id", advance="auto")
        assert not project.rollouts()
        assert project.rollout(key="ticket_id")


def test_an_aborted_rollout_leaves_the_head_where_it_was(run: Run, rolling: Path) -> None:
    there = ("--project", rolling, "--json")
    live = run("plan", *there).data["live"]
    assert run("rollout", "start", *KEY, "--mode", "shadow", "--auto", *there).code == 0
    ended = run("rollout", "abort", "--reason", "enough", *there).data
    assert (ended["status"], ended["mode"], ended["state"]["reason"]) == ("aborted", "shadow", "enough")
    assert run("rollout", "abort", *there).code == 3
    assert run("plan", *there).data["live"] == live


def test_watching_takes_the_steps_and_ends_with_the_rollout(run: Run, rolling: Path) -> None:
    there = ("--project", rolling, "--json")
    run("rollout", "start", *KEY, "--step", "50%", "--auto", *there)
    done = run("rollout", "watch", *there)
    assert done.code == 0, done.err
    assert done.data["status"] == "done"
    assert run("rollout", "watch", *there).data["status"] == "done"


def test_what_cannot_begin_is_said_with_what_to_do(run: Run, rolling: Path, built: Path) -> None:
    told = run("rollout", "start", "--key", "passenger", "--project", rolling)
    assert told.code == 2
    assert "no column 'passenger'" in told.err
    assert "ticket_id" in told.err
    assert run("rollout", "start", *KEY, "--guard", "erors", "--project", rolling).code == 2
    assert run("rollout", "start", *KEY, "--project", built).code == 3
    assert run("rollout", "status", "--project", built).code == 2
    assert "No rollouts" in run("rollout", "list", "--project", built).out


def test_a_rollback_is_rehearsed_without_moving_anything(run: Run, rolling: Path) -> None:
    there = ("--project", rolling, "--json")
    assert run("rollback", "--rehearse", *there).code == 3
    first = run("plan", *there).data["live"]
    second = run("release", *there).data["manifest"]
    tried = run("rollback", "--rehearse", *there)
    assert tried.code == 0, tried.err
    assert (tried.data["manifest"], tried.data["before"], tried.data["passed"]) == (first, second, True)
    assert 0.0 < tried.data["seconds"] < 120.0
    assert tried.data["slowest_ms"]["show_expert"] > 0.0
    assert run("plan", *there).data["live"] == second
    assert f"{first} would answer" in run("rollback", "--rehearse", "--project", rolling).out


def test_a_rehearsal_finds_what_no_longer_loads(run: Run, rolling: Path) -> None:
    there = ("--project", rolling, "--json")
    first = run("plan", *there).data["live"]
    assert run("release", *there).code == 0
    for path in (rolling / ".soroi" / "objects").rglob("*"):
        if path.is_file():
            path.write_bytes(b"gone bad")
    tried = run("rollback", "--rehearse", *there)
    assert tried.code == 3
    assert (tried.data["manifest"], tried.data["passed"]) == (first, False)
    assert "would NOT answer" in run("rollback", "--rehearse", "--project", rolling).out
