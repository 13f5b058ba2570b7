from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import Run

OWN = '''@so.gate(cost="cheap")
def sensible(case):
    """Recalls something."""
    return so.Judgement("{outcome}", "as the test has it", [case.figure("recall")])


'''


def declare(folder: Path, outcome: str) -> None:
    """Give the decision of the blank template gates of its own."""
    (path,) = [one for one in folder.glob("*.py") if "so.decision(" in one.read_text()]
    text = path.read_text()
    name = text[: text.index(" = so.decision(")].rpartition("\n")[2]
    text = text.replace(
        f"{name} = so.decision(", OWN.format(outcome=outcome) + f"{name} = so.decision(\n    judged_by=[sensible],"
    )
    path.write_text(text)


@pytest.fixture
def staged(built: Path, run: Run) -> Path:
    declare(built, "pass")
    assert run("stage", "--all", "-p", built).code == 0
    return built


def test_judging_runs_what_is_missing_and_moves_nothing(staged: Path, run: Run) -> None:
    done = run("judge", "-p", staged)
    assert done.code == 0, done.err
    assert "3 gates judged" in done.out
    assert "as the test has it" in done.out
    assert "All that production asks for holds." in done.out
    again = run("judge", "-p", staged, "--json").data
    assert again["judged"] == {}
    assert again["holds"] is True
    assert {one["state"] for one in again["gates"]} == {"satisfied"}
    assert run("plan", "-p", staged, "--json").data["live"] is None


def test_one_gate_is_judged_by_name_also_again(staged: Path, run: Run) -> None:
    for _ in range(2):
        judged = run("judge", "--gate", "sensible", "-p", staged, "--json").data["judged"]
        assert list(judged.values()) == ["pass"]


def test_a_plan_shows_the_gates_and_what_would_supply_them(staged: Path, run: Run) -> None:
    done = run("plan", "-p", staged)
    assert "asks for the function sensible" in done.out
    assert "soroi judge --gate sensible:" in done.out
    data = run("plan", "-p", staged, "--json").data
    assert [one["state"] for one in data["gates"]] == ["missing"] * 3
    assert len(data["plan"]) == 40


def test_a_failed_gate_refuses_the_release_and_the_glass_can_be_broken(staged: Path, run: Run) -> None:
    text = next(one for one in staged.glob("*.py") if "sensible" in one.read_text())
    text.write_text(text.read_text().replace('"pass", "as the test', '"fail", "as the test'))
    assert run("judge", "-p", staged).code == 3
    refused = run("release", "-p", staged)
    assert refused.code == 3
    assert "as the test has it" in refused.err
    assert run("release", "--break-glass", "-p", staged).code == 2
    forced = run("release", "--break-glass", "--reason", "it cannot wait", "-p", staged)
    assert forced.code == 0, forced.err
    assert "The glass was broken. Overridden: sensible:" in forced.out
    shown = run("plan", "-p", staged)
    assert "broke the glass" in shown.out
    assert "it cannot wait" in shown.out


def test_looking_at_gates_loads_nothing_heavy(staged: Path, run: Run) -> None:
    import subprocess
    import sys

    run("judge", "-p", staged)
    code = (
        "import sys; from soroi.cli.main import main; "
        f"main(['plan', '-p', {str(staged)!r}, '--json']); "
        "print([one for one in ('polars', 'scipy', 'numpy', 'sklearn') if one in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
