from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.projects import CODE, SMALL, InlineExecutor, Maker, Tiny, edit, write_project

import soroi as so
from soroi.base.errors import ConfigError, DeclarationError, RefusedError, UnknownNameError
from soroi.project.moments import moment


def test_a_project_is_opened_from_its_folder_and_from_below(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tiny.folder / "notebooks" / "old"
    deep.mkdir(parents=True)
    assert so.open(deep).config.root == tiny.folder.resolve()
    monkeypatch.chdir(deep)
    with so.open() as project:
        assert project.config.name == "tiny"
        assert project.status()["careful"].state.value == "fresh"


def test_outside_of_a_project_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="soroi init"):
        so.open(tmp_path)


def test_an_unknown_entry_is_named(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny", SMALL, config='[project]\nmodule = "tiny"\n[store]\npaht = "x"\n')
    with pytest.raises(ConfigError, match="'paht' is not an entry of"):
        so.open(folder)


def test_opening_looks_at_nothing(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny", "1 / 0\n")
    project = so.open(folder)
    assert not (folder / ".soroi").exists()
    with pytest.raises(DeclarationError, match=r"tiny\.py:1"):
        project.status()


def test_a_wrong_project_is_usable_once_it_is_corrected(tmp_path: Path, few_threads: None) -> None:
    folder = write_project(tmp_path / "tiny", "1 / 0\n")
    with so.open(folder) as project:
        with pytest.raises(DeclarationError):
            project.build()
        (folder / "tiny.py").write_text(SMALL)
        assert project.build(executor=InlineExecutor()).ok


def test_a_changed_declaration_is_seen_by_each_look_and_by_each_build(tiny: Tiny) -> None:
    project = tiny.project
    assert project.status()["careful"].state.value == "fresh"
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 2.5")
    assert project.status()["careful"].state.value == "stale"
    edit(tiny.folder, "strength: float = 2.5", "strength: float = 3.0")
    made = project.build("careful", executor=InlineExecutor()).versions["careful"]
    assert made.facts["parameters"] == {"strength": 3.0}
    assert project.stage("careful").changed["careful"][1] == made.id, "what was just built is built as declared"


def test_a_project_shows_itself_as_its_status(tiny: Tiny) -> None:
    assert repr(tiny.project) == repr(tiny.project.status())
    text = repr(tiny.project).splitlines()
    assert text[0] == "Status"
    assert text[1].split() == ["node", "kind", "state", "staged", "live", "versions", "why"]
    assert len(text) == 14
    page = tiny.project._repr_html_()
    assert page.startswith("<table><caption")
    assert page.count("<tr>") == 13


def test_what_a_project_shows_is_escaped(make: Maker) -> None:
    code = CODE.replace('files=so.file("items.csv")', 'files=so.file("<b>items.csv")')
    assert "<b>" not in (page := make(code).project._repr_html_())
    assert "never built" in page


def test_versions_are_listed_newest_first(tiny: Tiny) -> None:
    made = tiny.build("careful", set={"careful": {"strength": 0.1}}).versions["careful"]
    table = tiny.project.versions("careful")
    assert (len(table), table[0].id) == (2, made.id)
    assert [one.id for one in table][1] == tiny.picks()["careful"]
    text = repr(table)
    assert "strength=0.1" in text
    assert "roc_auc 0." in text
    with pytest.raises(UnknownNameError, match="did you mean 'careful'"):
        tiny.project.versions("carful")


def test_a_version_is_found_by_the_beginning_of_its_id(tiny: Tiny) -> None:
    whole = tiny.picks()["careful"]
    assert tiny.project.version(whole[:12]).id == whole
    with pytest.raises(UnknownNameError):
        tiny.project.version("careful@zzz")


def test_a_manifest_is_found_by_the_beginning_of_its_id(tiny: Tiny) -> None:
    live = tiny.project.manifest()
    assert tiny.project.manifest(live.id[:8]).to_dict() == live.to_dict()
    with pytest.raises(RefusedError, match="nothing was ever released to 'trial'"):
        tiny.project.manifest(environment="trial")


def test_a_project_can_be_closed_and_used_again(tiny: Tiny) -> None:
    before = repr(tiny.project.status())
    tiny.project.close()
    tiny.project.close()
    assert repr(tiny.project.status()) == before


def test_a_moment_is_given_as_people_do() -> None:
    midnight = datetime(2026, 2, 1, tzinfo=UTC)
    assert moment("2026-02-01") == moment(datetime(2026, 2, 1)) == midnight
    assert moment("2026-02-01T02:00+02:00") == midnight
    assert moment(None) is None
    with pytest.raises(ConfigError, match="'tomorrow' is not a moment"):
        moment("tomorrow")


def test_to_import_soroi_brings_nothing_heavy() -> None:
    heavy = "polars numpy sklearn scipy sqlalchemy alembic obstore skops loky starlette uvicorn rich"
    program = f"import sys, soroi; print([one for one in {heavy.split()!r} if one in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert told.stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    assert all(getattr(so, name) is not None for name in so.__all__)
    assert set(so.__all__) <= set(dir(so))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        so.nothing  # noqa: B018 (asking is the test)


def test_functions_of_a_project_are_testable_without_soroi(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny")
    program = (
        "import polars as pl, tiny\n"
        "frame = pl.DataFrame({'id': ['a'], 'x': [1.0], 'y': [2.0], 'z': [3.0]}).lazy()\n"
        "print(tiny.basic(frame).collect().columns, tiny.rule({'x': 2}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    assert told.stdout == "['id', 'x', 'y'] True\n"
