from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import soroi as so
from soroi.base.errors import RefusedError
from soroi.cli.output import console
from soroi.demo import run_demo
from soroi.demo.chapters import CHAPTERS


def test_chapters_rest_on_earlier_ones_only() -> None:
    seen: set[str] = set()
    for chapter in CHAPTERS:
        assert set(chapter.rests_on) <= seen
        assert chapter.name not in seen
        seen.add(chapter.name)


def test_a_folder_with_another_project_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "soroi.toml").write_text('[project]\nname = "mine"\n')
    with pytest.raises(RefusedError, match="another project"):
        run_demo(tmp_path, fast=True, out=console(sys.stderr))


def demo(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "soroi.cli.main", "demo", "--fast", "--json", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.e2e
@pytest.mark.flights
@pytest.mark.timeout(900)
def test_the_story_is_told_by_what_happened_and_only_once(tmp_path: Path) -> None:
    pytest.importorskip("httpx")
    folder = tmp_path / "air"
    told = demo(folder)
    chapters = told["chapters"]
    assert told["done"] == [chapter.name for chapter in CHAPTERS]
    assert chapters["march"]["answers"] > 5000
    assert chapters["train"]["changed"] == []
    assert set(chapters["refusal"]["behind"]) == {"careful_cut", "connection", "connection_cut"}
    assert chapters["refusal"]["refused"]["status"] == 3
    assert chapters["refusal"]["head_moved"] is False
    assert set(chapters["follow"]["changed"]) == {"careful", "careful_cut", "connection", "connection_cut"}
    assert chapters["rollback"]["right"] is True
    with so.open(folder) as project:
        assert project.manifest().id == chapters["follow"]["manifest"]
        before = {name: one.to_dict() for name, one in project.statuses().items()}
        events = _events(project)
    again = demo(folder)
    assert again["done"] == []
    assert again["chapters"] == chapters
    with so.open(folder) as project:
        assert {name: one.to_dict() for name, one in project.statuses().items()} == before
        assert _events(project) == events
    assert not list((folder / ".soroi").glob("serve-*.json"))


def _events(project: so.Project) -> int:
    with project.store.catalogue.read() as tx:
        return len(tx.events.list())
