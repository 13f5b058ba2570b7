"""``soroi collect``, ``soroi hold`` and ``soroi unused``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import Run

AT_ONCE = """
[retention]
history = "0s"
candidates = "0s"
grace = "0s"
"""


def _candidate(run: Run, folder: Path) -> str:
    with (folder / "soroi.toml").open("a") as file:
        file.write(AT_ONCE)
    return str(run("collect", "--project", folder, "--json").data["versions"]["shop"][0])


def test_it_shows_before_it_removes_and_tells_why(run: Run, released: Path) -> None:
    lost = _candidate(run, released)
    dry = run("collect", "--project", released)
    assert dry.code == 0
    assert lost in dry.out
    assert "soroi collect --apply removes them" in dry.out
    assert "nothing needs" in run("collect", "--explain", lost, "--project", released).out
    done = run("collect", "--apply", "--project", released, "--json").data
    assert done["applied"]
    assert lost in done["versions"]["shop"]
    assert "was collected by" in run("collect", "--explain", lost, "--project", released).out
    staged = {one["node"]: one["staged"] for one in run("plan", "--project", released, "--json").data["nodes"]}
    why = run("collect", "--explain", staged["risk"], "--project", released, "--json").data["why"]
    assert why["kind"] == "needed"
    assert {"head", "staging"} <= {one["kind"] for one in why["because"]}
    refused = run("stage", lost, "--project", released)
    assert refused.code != 0
    assert "soroi build risk makes it again" in refused.err


def test_what_is_held_stays(run: Run, released: Path) -> None:
    lost = _candidate(run, released)
    made = run("hold", "add", lost, "--reason", "case 12", "--project", released, "--json").data
    assert lost not in str(run("collect", "--project", released, "--json").data["versions"])
    assert "case 12" in run("hold", "list", "--project", released).out
    assert run("hold", "release", made["id"], "--project", released).code == 0
    assert "Nothing is held" in run("hold", "list", "--project", released).out
    assert lost in str(run("collect", "--project", released, "--json").data["versions"])
    assert run("hold", "add", "--project", released).code == 2


def test_what_nobody_uses_is_listed(run: Run, released: Path) -> None:
    lost = _candidate(run, released)
    assert "Everything older than 30d is used." in run("unused", "--project", released).out
    found = run("unused", "--since", "0s", "--project", released, "--json").data
    assert [one["node"] for one in found["nodes"]] == ["risk"]
    assert found["nodes"][0]["versions"] == [lost]
    assert "risk" in run("unused", "--since", "0s", "--project", released).out
