from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run


def test_a_version_is_traced_to_data_and_code(run: Run, released: Path) -> None:
    staged = {one["node"]: one["staged"] for one in run("plan", "--project", released, "--json").data["nodes"]}
    done = run("trace", staged["risk_cut"], "--project", released)
    assert done.code == 0
    for part in (staged["risk"], "outcomes@", "rows"):
        assert part in done.out
    assert run("trace", staged["risk_cut"], "--project", released, "--json").data["trace"]["because"]


def test_a_manifest_is_traced(run: Run, released: Path) -> None:
    live = run("plan", "--project", released, "--json").data["live"]
    assert live in run("trace", live[:8], "--project", released).out


def test_an_unknown_id_is_refused(run: Run, released: Path) -> None:
    for text in ("risk@000000000000", "m0000000", "answer_00000000000000000000000000"):
        assert run("trace", text, "--project", released).code == 2
