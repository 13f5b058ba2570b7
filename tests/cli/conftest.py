from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.cli.commands import Done, Run

from soroi.cli.main import main
from soroi.demo.template import make_project


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def go(*arguments: str | Path) -> Done:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return go


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A project of the blank template in which nothing was done."""
    return make_project(tmp_path / "shop", "blank")


@pytest.fixture(scope="session")
def _built_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("built") / "shop", "blank")
    assert main(["build", "--project", str(folder)]) == 0
    return folder


@pytest.fixture
def built(_built_shop: Path, tmp_path: Path) -> Path:
    """A project in which everything was built once."""
    return Path(shutil.copytree(_built_shop, tmp_path / "shop"))


@pytest.fixture(scope="session")
def _released_shop(_built_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(_built_shop, tmp_path_factory.mktemp("released") / "shop"))
    for command in (["stage", "--all"], ["release"], ["build", "risk", "--set", "risk.strength=0.05"]):
        assert main([*command, "--project", str(folder)]) == 0
    return folder


@pytest.fixture
def released(_released_shop: Path, tmp_path: Path) -> Path:
    """A project with a release, and another candidate of its model."""
    return Path(shutil.copytree(_released_shop, tmp_path / "shop"))
