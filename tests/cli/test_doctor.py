from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import Run

import soroi as so
from soroi.cli import checks


def test_a_released_project_is_well(run: Run, released: Path) -> None:
    done = run("doctor", "--project", released, "--json")
    assert done.code == 0, done.out
    assert done.data["well"] is True
    names = {one["name"] for one in done.data["checks"]}
    assert {"python", "libraries", "declarations", "store", "disk", "object store", "history", "production"} <= names
    assert "All is well." in run("doctor", "--project", released).out


def test_without_a_project_the_installation_is_looked_at(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("doctor", "--json")
    assert done.code == 0
    assert {one["name"] for one in done.data["checks"]} >= {"python", "project"}


def test_a_project_that_was_named_and_is_none_is_wrong(run: Run, tmp_path: Path) -> None:
    assert run("doctor", "--project", tmp_path).code == 1


def test_a_changed_byte_of_what_is_live_is_named(run: Run, released: Path) -> None:
    _, model = _live(run, released)
    with so.open(released) as project:
        digest = next(held for name, held in project.version(model).outputs.items() if name.startswith("file:"))
    (target,) = (released / ".soroi" / "objects").rglob(digest)
    body = bytearray(target.read_bytes())
    body[len(body) // 2] ^= 1
    target.write_bytes(bytes(body))
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    wrong = [one["text"] for one in done.data["checks"] if one["outcome"] == "wrong"]
    assert any(model in text for text in wrong)


def _live(run: Run, folder: Path) -> tuple[str, str]:
    plan = run("plan", "--project", folder, "--json").data
    return plan["live"], next(one["live"] for one in plan["nodes"] if one["node"] == "risk")


def test_a_broken_declaration_is_told_with_its_place(run: Run, released: Path) -> None:
    (released / "project.py").write_text("import soroi as so\nraise ValueError('oh')\n")
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    (wrong,) = [one for one in done.data["checks"] if one["outcome"] == "wrong"]
    assert wrong["text"].startswith("project.py:2")


def test_a_disk_that_is_nearly_full_is_wrong(run: Run, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TOO_LITTLE", 1 << 60)
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    assert any(one["name"] == "disk" and one["outcome"] == "wrong" for one in done.data["checks"])


def test_a_library_that_is_missing_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(checks.NEEDED, "soroi_lost_module", "lost")
    done = run("doctor", "--json")
    assert done.code == 1
    assert any("lost" in one["text"] for one in done.data["checks"])
