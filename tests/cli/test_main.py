from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App
from tests.cli.commands import Run

from soroi import __version__
from soroi.cli.main import COMMANDS, LOOKING

NAMES = [name for commands in COMMANDS.values() for name in commands]


def shell(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "soroi.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_help_names_every_command_and_every_exit_status(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for name in NAMES:
        assert f" {name} " in done.out
    for status in ("0", "1", "2", "3", "4", "70", "130"):
        assert f"{status}: " in done.out


def test_help_of_a_command_tells_of_its_options(run: Run) -> None:
    done = run("build", "--help")
    assert done.code == 0
    for option in ("--as-of", "--refresh", "--upstream", "--behind", "--set", "--use", "--force", "--json"):
        assert option in done.out


def _lines() -> list[tuple[str, ...]]:
    """Every command, and every one of those that stand for several."""
    found: list[tuple[str, ...]] = []
    for name in NAMES:
        command = getattr(importlib.import_module(f"soroi.cli.{name}"), name)
        parts = [one for one in command if not one.startswith("-")] if isinstance(command, App) else []
        found += [(name, one) for one in parts] if parts else [(name,)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_help(run: Run, name: str) -> None:
    assert run(name, "--help").code == 0


@pytest.mark.parametrize("line", _lines(), ids=" ".join)
def test_each_command_has_help_and_the_common_options(run: Run, line: tuple[str, ...]) -> None:
    done = run(*line, "--help")
    assert done.code == 0
    assert "--json" in done.out
    assert "--project" in done.out


def test_version_is_told(run: Run) -> None:
    assert run("--version").out.strip() == __version__


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from soroi.cli.main import main; main(['--help']); "
        "heavy = {'polars', 'sklearn', 'scipy', 'sqlalchemy', 'numpy', 'alembic', 'obstore', 'loky', 'uvicorn'}; "
        "found = heavy & set(sys.modules); print(sorted(found), file=sys.stderr); sys.exit(bool(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_process_ends_with_the_status_of_the_error(tmp_path: Path) -> None:
    done = shell("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "no soroi.toml" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_closed_pipe_is_no_error(fresh: Path) -> None:
    command = f"{sys.executable} -m soroi.cli.main status --json --project {fresh} | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "{"
    assert done.stderr == ""


def test_the_commands_that_end_the_process_at_once_are_commands() -> None:
    assert set(NAMES) >= LOOKING


def test_a_process_that_ends_at_once_says_all_and_does_what_is_to_be_done_at_its_end(fresh: Path) -> None:
    code = (
        "import atexit, sys; atexit.register(lambda: sys.stderr.write('at the end'));"
        f"sys.argv = ['soroi', 'status', '--json', '--project', {str(fresh)!r}];"
        "from soroi.cli.main import main; main(); print('not reached')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["nodes"]
    assert done.stderr == "at the end"


def test_a_process_that_ends_at_once_tells_its_status(fresh: Path) -> None:
    assert shell("status", "nothing", "--project", str(fresh)).returncode == 2


def test_a_process_with_other_threads_ends_in_the_usual_way(fresh: Path) -> None:
    code = (
        "import sys, threading; threading.Timer(0.2, print, ['late']).start();"
        f"sys.argv = ['soroi', 'status', '--project', {str(fresh)!r}];"
        "from soroi.cli import main; main._run = lambda given: 7; sys.exit(main.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (7, "late\n")
