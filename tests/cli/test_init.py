from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import Run

from soroi.codebase import read_config


@pytest.mark.parametrize("template", ["blank", "flights"])
def test_a_project_is_made_that_can_be_opened(run: Run, tmp_path: Path, template: str) -> None:
    done = run("init", tmp_path / "my-shop", "--template", template, "--json")
    assert done.code == 0
    assert done.data["template"] == template
    config = read_config(tmp_path / "my-shop")
    assert config.name == "my-shop"
    assert (tmp_path / "my-shop" / ".gitignore").read_text() == ".soroi/\n__pycache__/\n"


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine.txt").write_text("mine")
    done = run("init", tmp_path / "shop")
    assert done.code == 3
    assert "nothing was changed" in done.err
    assert [one.name for one in (tmp_path / "shop").iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert run("init", tmp_path / "shop").code == 0


def test_a_folder_that_cannot_name_a_project_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("init", tmp_path / "1 shop")
    assert done.code == 2
    assert not (tmp_path / "1 shop").exists()


def test_an_unknown_template_is_a_wrong_command_line(run: Run, tmp_path: Path) -> None:
    done = run("init", tmp_path / "shop", "--template", "cats")
    assert done.code == 2
    assert "blank" in done.err
