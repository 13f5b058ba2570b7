"""Governing a project from Python: the same objects as the commands, showing themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.projects import InlineExecutor, Tiny, loads

from soroi.base.errors import ConfigError, ForbiddenError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.govern import Between, LiveAt, Log
from soroi.project import Project, open_project
from soroi.release import LOADS


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))
    monkeypatch.delenv("SOROI_TOKEN", raising=False)


def as_(tiny: Tiny, who: str) -> Project:
    return open_project(tiny.folder, runtime=Runtime(actor=who))


def test_lists_show_themselves(tiny: Tiny) -> None:
    with as_(tiny, "ann") as p:
        assert "No keys" in repr(p.keys.list())
        assert "everything is allowed" in repr(p.roles.list())
        p.keys.add()
        p.roles.grant("bob", "operator", environment="production", expires="7d")
        record, token = p.tokens.create("ci", scopes=["build"], note="nightly")
        assert p.keys.list()[0].owner == "ann"
        assert [one.who for one in p.roles.list()] == ["ann", "bob"]
        assert len(p.roles.list("bob")) == 1
        assert "<table>" in p.roles.list()._repr_html_()
        assert "nightly" in repr(p.tokens.list())
        assert token not in repr(p.tokens.list())
        assert record.hash not in str(p.tokens.list().to_dict())
        p.tokens.revoke(record.id)
        assert "revoked by ann" in repr(p.tokens.list())
        assert "bob may release in 'production'" in repr(p.roles.check("bob", "release", environment="production"))
        assert not p.roles.check("bob", "build").allowed
        with pytest.raises(UnknownNameError):
            p.roles.check("bob", "relese")


def test_a_group_that_is_not_declared_is_not_granted(tiny: Tiny) -> None:
    with as_(tiny, "ann") as p:
        p.roles.grant("bob", "builder", group="team")
        with pytest.raises(UnknownNameError, match="no group 'teem'"):
            p.roles.grant("bob", "builder", group="teem")


def test_roles_by_group_reach_the_nodes_of_that_group_only(tiny: Tiny) -> None:
    with as_(tiny, "ann") as p:
        p.roles.grant("bob", "builder", group="team")
    with as_(tiny, "bob") as p:
        p._require("build", None, lambda: ["items"])
        with pytest.raises(ForbiddenError, match="for the group 'team' only"):
            p._require("build", None, lambda: ["items", "outcomes"])
        with pytest.raises(ForbiddenError):
            p.stage("quick")
        with pytest.raises(ForbiddenError):
            p.waive("quick", reason="because")
        with pytest.raises(ForbiddenError):
            p.build("quick")


def test_an_approval_is_listed_and_told_in_the_log(tiny: Tiny) -> None:
    with as_(tiny, "ann") as p:
        made = p.approve(kind="owner", note="well")
        assert made.by == "ann"
        listed = p.approvals()
        assert [one.why_not for one in listed] == [None]
        assert "counts" in repr(listed)
        assert listed.to_dict()["approvals"][0]["note"] == "well"
        assert p.case().digest == made.plan
        assert p.audit.verify().whole


def test_the_log_is_one_of_three(tiny: Tiny) -> None:
    with as_(tiny, "ann") as p:
        log = p.log()
        assert isinstance(log, Log)
        assert len(log) == 1
        assert isinstance(p.log(at="2100-01-01"), LiveAt)
        assert isinstance(p.log(between=("2000-01-01", "2100-01-01")), Between)
        with pytest.raises(ConfigError):
            p.log(at="2100-01-01", between=("2000-01-01", "2100-01-01"))


def test_the_actor_of_a_token_acts_and_a_given_runtime_keeps_its_own(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_(tiny, "ann") as p:
        _, token = p.tokens.create("ci", scopes=["build"])
    monkeypatch.setenv("SOROI_TOKEN", token)
    with open_project(tiny.folder) as p:
        assert p.runtime.actor == "ci"
        assert p.runtime.scopes == ("build",)
        with pytest.raises(ForbiddenError, match="is limited to build"):
            p.release()
        with pytest.raises(ForbiddenError, match="is limited to build"):
            p.rollback()
    with as_(tiny, "ann") as p:
        assert p.runtime.actor == "ann"


def owned(tiny: Tiny) -> None:
    """Give `quick`, its threshold and `check` to the group, and ask for an approver."""
    code = tiny.folder / "tiny.py"
    text = code.read_text("utf-8")
    for old in ("def quick(", "quick_cut = so.threshold(quick", "check = so.decision("):
        assert text.count(old) == 1
    text = text.replace(
        'split=so.by_time(test="7d"))\ndef quick(', 'split=so.by_time(test="7d"), group=team)\ndef quick('
    )
    text = text.replace("quick_cut = so.threshold(quick", "quick_cut = so.threshold(quick, group=team")
    code.write_text(text.replace("check = so.decision(", "check = so.decision(\n    group=team,"), "utf-8")
    with (tiny.folder / "soroi.toml").open("a", encoding="utf-8") as file:
        file.write("\n[environments.production]\nrequires = 'approved_by(\"approver\")'\n")


def test_who_approves_for_a_group_counts_alike_in_plan_case_approvals_and_release(tiny: Tiny) -> None:
    owned(tiny)
    with as_(tiny, "ann") as p:
        p._judges = lambda: {LOADS: loads}  # type: ignore[method-assign]
        result = p.build("quick", "quick_cut", "check", set={"quick": {"strength": 0.1}}, executor=InlineExecutor())
        p.stage(*(one.id for one in result.versions.values()))
        p.roles.grant("bob", "approver", group="team")
        p.roles.grant("bob", "operator", group="team")
        p.roles.grant("cid", "approver", group="team")
        p.keys.add("bob")
        p.judge()
        assert p.plan().commands == ("soroi approve", "soroi release")
    with as_(tiny, "bob") as p:
        p._judges = lambda: {LOADS: loads}  # type: ignore[method-assign]
        given = p.approve()
        assert given.plan == p.case().digest
        assert [one.why_not for one in p.approvals()] == [None]
        assert p.plan().commands == ("soroi release",)
        assert p.release().moved
        with pytest.raises(ForbiddenError, match="for the group 'team' only"):
            p.stage("second")
