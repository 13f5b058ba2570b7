"""``[retention]``: spans are read and checked, and told to others as they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from soroi.base.errors import ConfigError
from soroi.codebase import read_config
from soroi.codebase.retention import Retention


def written(folder: Path, text: str) -> Path:
    (folder / "project.py").write_text("")
    (folder / "soroi.toml").write_text(text)
    return folder


def test_spans_are_read_and_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    text = '[project]\nname = "a"\n[build]\ncost_per_hour = 1\n'
    found = read_config(written(tmp_path, text + '[retention]\nhistory = "2w"\nanswers = "2y"\nmanifests = 3\n'))
    kept = found.retention
    assert (kept.history, kept.answers, kept.manifests) == (timedelta(14), timedelta(730), 3)
    assert kept.candidates == Retention().candidates
    assert found.cost_per_hour == 1.0
    assert Retention.from_dict(kept.to_dict()) == kept


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[retention]\nhistory = 90", r"retention.history = 90 is not a span of time"),
        ('[retention]\nhistory = "long"', r"retention.history = 'long' is not a span of time"),
        ("[retention]\nmanifests = 0", r"retention.manifests = 0 is not a positive whole number"),
        ('[retention]\nhistroy = "1d"', r"'histroy' is not an entry of \[retention\]"),
        ('[build]\ncost_per_hour = "much"', r"build.cost_per_hour = 'much' is not a number"),
    ],
)
def test_what_is_wrong_is_named(section: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(written(tmp_path, f'[project]\nname = "a"\n{section}\n'))
