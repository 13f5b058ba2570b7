"""``soroi versions``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run


def test_versions_are_listed_found_and_told_as_json(run: Run, released: Path) -> None:
    there = ("--project", released)
    shown = run("versions", "risk", *there)
    assert shown.code == 0
    assert shown.out.count("risk@") == 2
    found = run("versions", "risk", "--limit", "1", *there, "--json").data
    assert len(found["versions"]) == 1
    newest = found["versions"][0]
    assert found["notes"] == [f"the next ones: --behind {newest['id']}"]
    older = run("versions", "risk", "--behind", newest["id"], *there, "--json").data["versions"]
    assert [one["node"] for one in older] == ["risk"]
    for field in ("recipe", "output", "run"):
        again = run("versions", f"--{field}", newest[field], "--kind", "model", *there, "--json").data["versions"]
        assert [one["id"] for one in again] == [newest["id"]]
    assert "No versions" in run("versions", "--by", "nobody", *there).out


def test_what_is_not_there_is_said(run: Run, released: Path) -> None:
    wrong = run("versions", "rsik", "--project", released)
    assert wrong.code == 2
    assert "risk" in wrong.err
    assert run("versions", "--output", "4be1", "--project", released).code == 2
    assert run("versions", "--limit", "0", "--project", released, "--json").data["error"]["code"] == "config"
