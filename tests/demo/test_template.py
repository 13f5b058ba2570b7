from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from soroi.base.errors import RefusedError, UnknownNameError
from soroi.demo import template
from soroi.demo.sample import ROWS, write_sample
from soroi.demo.template import make_project, templates


def test_there_are_the_two_templates() -> None:
    assert templates() == ["blank", "flights"]


def test_an_unknown_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="flights"):
        make_project(tmp_path / "x", "flight")


def test_a_project_that_could_not_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr(template, "write_sample", fail)
    with pytest.raises(OSError, match="no space"):
        make_project(tmp_path / "shop", "blank")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(RefusedError):
        make_project(tmp_path / "shop", "blank")
    assert (tmp_path / "shop").read_text() == "mine"


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    write_sample(tmp_path / "a")
    write_sample(tmp_path / "b")
    for name in ("tickets.csv", "outcomes.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    outcomes = pl.read_csv(tmp_path / "a" / "outcomes.csv")
    assert outcomes.height == ROWS
    assert 0.1 < outcomes["escalated"].mean() < 0.5  # type: ignore[operator]
