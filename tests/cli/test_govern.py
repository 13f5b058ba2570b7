"""The commands on keys, roles, tokens, approvals, the log and the audit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.cli.commands import Run


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("SOROI_ACTOR", "ann")
    monkeypatch.delenv("SOROI_TOKEN", raising=False)


def catalogue(folder: Path) -> Path:
    return folder / ".soroi" / "catalogue.sqlite"


def meddle(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(catalogue(folder), isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_keys_are_shown_registered_listed_and_revoked(run: Run, fresh: Path) -> None:
    there = ("--project", fresh)
    own = run("key", "show", *there, "--json").data
    assert own["who"] == "ann"
    assert own["registered"] is False
    assert f"soroi key add ann --public {own['public']}" in run("key", "show", *there).out
    assert run("key", "add", *there, "--json").data["key"]["id"] == own["public"]
    assert "registered" in run("key", "show", *there).out
    run("key", "add", "ci", "--public", "5a" * 32, "--service", *there)
    listed = run("key", "list", *there, "--json").data["keys"]
    assert [(one["owner"], one["kind"]) for one in listed] == [("ann", "person"), ("ci", "service")]
    assert run("key", "revoke", "5a5a", *there).code == 0
    assert "by ann" in run("key", "list", "ci", *there).out
    assert run("key", "add", "ci", "--public", "5a" * 32, *there).code == 4
    assert run("key", "add", "ci", "--public", "5a", *there).code == 2


def test_an_approval_is_given_listed_and_stops_to_count(run: Run, built: Path) -> None:
    there = ("--project", built)
    assert run("approve", *there).code == 3
    staged = run("stage", "--all", *there, "--json").data["manifest"]
    done = run("approve", "--kind", "security", "--expires", "7d", "--note", "fine", *there)
    assert done.code == 0, done.err
    assert f"ann approved {staged} to production as security until" in done.out
    assert "Not judged yet: in step, loads and answers. As soon as it is, this approval no longer counts" in done.err
    given = run("approve", staged, *there, "--json").data
    assert given["unjudged"] == ["in step", "loads and answers"]
    assert (given["manifest"], given["by"], given["environment"]) == (staged, "ann", "production")
    assert run("approve", given["plan"][:12], *there).code == 0
    assert run("approve", "no-such-thing", *there).code == 2
    assert run("approve", "--kind", "boss", *there).code == 2
    listed = run("approve", "--list", *there, "--json").data["approvals"]
    assert [one["counts"] for one in listed] == [True, True, True]
    assert run("release", *there).code == 0
    stopped = run("approve", "--list", *there, "--json").data["approvals"]
    assert [one["counts"] for one in stopped] == [False, False, False]
    assert "no longer counts" in stopped[0]["why_not"]["text"]
    assert "no longer counts" in run("approve", "--list", *there).out


def test_an_approval_of_what_was_judged_warns_of_nothing_and_goes_on_counting(run: Run, built: Path) -> None:
    there = ("--project", built)
    run("stage", "--all", *there)
    assert run("judge", *there).code == 0
    done = run("approve", *there, "--json")
    assert (done.data["unjudged"], done.err) == ([], "")
    assert list(done.data["verdicts"]) == ["in step", "loads and answers"]
    assert [one["counts"] for one in run("approve", "--list", *there, "--json").data["approvals"]] == [True]


def test_roles_are_given_checked_enforced_and_taken(run: Run, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ("--project", released)
    assert "everything is allowed" in run("role", "list", *there).out
    assert run("role", "check", "bob", "release", "--environment", "production", *there).code == 0
    made = run("role", "grant", "bob", "builder", *there, "--json").data["grants"]
    assert [(one["who"], one["role"]) for one in made] == [("ann", "owner"), ("bob", "builder")]
    denied = run("role", "check", "bob", "release", "--environment", "production", *there)
    assert denied.code == 3
    assert "bob is builder, which is not to release" in denied.out
    monkeypatch.setenv("SOROI_ACTOR", "bob")
    assert run("stage", "risk", *there).code == 0
    refused = run("waive", "risk", "--reason", "why not", *there, "--json")
    assert refused.code == 3
    assert refused.data["error"]["code"] == "forbidden"
    assert refused.data["error"]["ask"] == ["ann"]
    assert run("role", "grant", "bob", "owner", *there).code == 3
    monkeypatch.setenv("SOROI_ACTOR", "eve")
    assert run("build", "--force", *there).code == 3
    assert run("stage", "risk", *there).code == 3
    monkeypatch.setenv("SOROI_ACTOR", "ann")
    assert run("role", "revoke", made[1]["id"], *there).code == 0
    assert run("role", "revoke", made[0]["id"], *there).code == 3
    assert run("role", "check", "bob", "fly", *there).code == 2
    assert run("role", "grant", "bob", "builder", "--group", "nobody", *there).code == 2


def test_who_may_not_release_does_not(run: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ("--project", built)
    run("stage", "--all", *there)
    run("role", "grant", "bob", "builder", *there)
    monkeypatch.setenv("SOROI_ACTOR", "bob")
    done = run("release", *there, "--json")
    assert done.code == 3
    assert "bob may not release in 'production'" in done.data["error"]["message"]
    assert run("log", *there, "--json").data["moves"] == []
    monkeypatch.setenv("SOROI_ACTOR", "ann")
    assert run("release", *there).code == 0


def test_a_token_is_printed_once_limits_and_ends(run: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ("--project", built)
    run("stage", "--all", *there)
    done = run("token", "create", "ci", "--scope", "release:production", "--note", "nightly", *there)
    token = done.out.strip()
    assert token.startswith("soroi_")
    assert "It cannot be shown again" in done.err
    assert token not in done.err
    listed = run("token", "list", *there)
    assert "release:production" in listed.out
    assert token not in listed.out
    assert "hash" not in run("token", "list", *there, "--json").data["tokens"][0]
    monkeypatch.setenv("SOROI_TOKEN", token)
    refused = run("stage", "risk", *there)
    assert refused.code == 3
    assert "limited to release:production" in refused.err
    assert token not in refused.err
    assert run("release", *there).code == 0
    assert run("log", *there, "--json").data["moves"][0]["by"] == "ci"
    assert run("token", "create", "ci", *there).code == 3
    monkeypatch.delenv("SOROI_TOKEN")
    name = run("token", "list", *there, "--json").data["tokens"][0]["id"]
    assert run("token", "revoke", name, *there).code == 0
    monkeypatch.setenv("SOROI_TOKEN", token)
    over = run("rollback", *there, "--traceback")
    assert over.code == 3
    assert "was revoked by ann" in over.err
    assert token not in over.err
    monkeypatch.setenv("SOROI_TOKEN", "soroi_guessed")
    assert "guessed" not in run("release", *there, "--traceback").err
    assert token.removeprefix("soroi_").encode() not in catalogue(built).read_bytes()


def test_the_log_tells_who_moved_what_and_what_was_live(run: Run, released: Path) -> None:
    there = ("--project", released)
    log = run("log", *there, "--json").data["moves"]
    assert len(log) == 1
    assert log[0]["environment"] == "production"
    assert {one["how"] for one in log[0]["changes"].values()} == {"added"}
    assert log[0]["verdicts"]["in step"] == "pass"
    assert "production" in run("log", *there).out
    at = run("log", "--at", "2100-01-01", *there, "--json").data["live"]
    assert at[0]["picks"]["risk"].startswith("risk@")
    assert run("log", "--at", "2000-01-01", *there, "--json").data["live"] == []
    changed = run("log", "--between", "2000-01-01", "2100-01-01", "--node", "risk", *there, "--json").data
    assert list(changed["changes"]["production"]) == ["risk"]
    assert run("log", "--at", "soon", *there).code == 2
    assert run("log", "--at", "2000-01-01", "--between", "2000-01-01", "2100-01-01", *there).code == 2
    assert run("log", "--environment", "nowhere", *there).code == 2


def test_the_audit_finds_what_was_changed_and_what_was_cut_off(run: Run, released: Path, tmp_path: Path) -> None:
    there = ("--project", released)
    whole = run("audit", "verify", *there)
    assert whole.code == 0
    assert "whole" in whole.out
    file = tmp_path / "history.jsonl"
    assert run("audit", "export", file, *there).code == 0
    assert run("audit", "export", file, *there).code == 3
    assert run("audit", "check", file, *there).code == 0
    meddle(released, "UPDATE verdicts SET outcome = 'fail' WHERE gate = 'in step'")
    found = run("audit", "verify", *there, "--json")
    assert found.code == 1
    assert [one["kind"] for one in found.data["problems"]] == ["changed"]
    assert "is not what was recorded" in run("audit", "verify", *there).out
    meddle(released, "DELETE FROM events WHERE seq > 3")
    assert run("audit", "check", file, *there).code == 1
    assert "event 4 is missing" in run("audit", "check", file, *there).out
