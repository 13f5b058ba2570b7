"""What a project declares: the same whether it was kept or is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.projects import Tiny, edit, write_project

from soroi.base.errors import DeclarationError
from soroi.project import Project, open_project
from soroi.project import declarations as room
from soroi.project.declarations import Declarations


def asked(folder: Path) -> dict[str, Any]:
    """What a project says of itself, as an own process would be told."""
    with open_project(folder) as project:
        return {
            "status": [one.to_dict() for one in project.statuses().values()],
            "plan": project.plan().to_dict(),
            "what_if": project.what_if("items").to_dict(),
            "nodes": [(node.name, node.where, node.doc, str(node.spec.behaviour())) for node in project.graph],
            "edges": [
                (node.name, edge.role, edge.producer, dict(edge.options))
                for node in project.graph
                for edge in node.edges
            ],
            "prints": {name: one.to_dict() for name, one in project.fingerprints.items()},
        }


def kept_file(project: Project) -> Path:
    """Where the declarations are kept."""
    return next((project.config.store / "declared").iterdir())


def is_kept(folder: Path) -> bool:
    """Whether a new process would read what was kept."""
    with open_project(folder) as project:
        return project.declarations._keeper.read() is not None


def test_kept_and_loaded_declarations_say_the_same(tiny: Tiny) -> None:
    first = asked(tiny.folder)
    assert is_kept(tiny.folder)
    assert asked(tiny.folder) == first
    kept_file(tiny.project).unlink()
    assert asked(tiny.folder) == first


def test_kept_and_loaded_declarations_say_the_same_when_something_is_stale(tiny: Tiny) -> None:
    asked(tiny.folder)
    edit(tiny.folder, '    return items.select("id", "x", "y")', '    return items.select("id", "y", "x")')
    assert not is_kept(tiny.folder)
    first = asked(tiny.folder)
    assert any(one["state"] == "stale" for one in first["status"])
    assert is_kept(tiny.folder)
    assert asked(tiny.folder) == first


def test_what_is_staged_rests_on_the_same_fingerprints(tiny: Tiny) -> None:
    asked(tiny.folder)
    assert is_kept(tiny.folder)
    with open_project(tiny.folder) as project:
        before = project.stage("quick").manifest
        assert "code" not in project.declarations.__dict__
    kept_file(tiny.project).unlink()
    with open_project(tiny.folder) as project:
        assert project.stage("quick").manifest == before


def test_what_was_kept_imports_neither_the_project_nor_its_libraries(tiny: Tiny) -> None:
    asked(tiny.folder)
    script = (
        "import json, sys; from pathlib import Path; from soroi.project import open_project\n"
        "p = open_project(Path(sys.argv[1])); p.statuses(); p.plan(); p.close()\n"
        "print(json.dumps(['tiny' in sys.modules, 'polars' in sys.modules, 'sklearn' in sys.modules,"
        " 'code' in p.declarations.__dict__]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(tiny.folder)], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(said.stdout) == [False, False, False, False]


def test_the_code_has_functions_though_the_graph_was_kept(tiny: Tiny) -> None:
    asked(tiny.folder)
    with open_project(tiny.folder) as project:
        left_behind = project.graph["basic"].function
        ours = project.code.graph["basic"].function
    assert left_behind is not None
    assert ours is not None
    assert ours.__module__ == "tiny"
    assert ours.__code__.co_varnames[0] == "items"


def test_an_error_in_the_declarations_is_shown_though_others_were_kept(tiny: Tiny) -> None:
    asked(tiny.folder)
    edit(tiny.folder, "@so.features(items)", "@so.features(nowhere)")
    with pytest.raises(DeclarationError, match="nowhere"):
        asked(tiny.folder)


def test_other_parts_of_an_open_family_are_not_what_was_kept(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(tiny.folder)
    with open_project(tiny.folder) as project:
        monkeypatch.setattr(Declarations, "_known_parts", lambda *_: {"examples": {"y": ["a"]}})
        assert project.declarations._kept is None


def test_loading_that_takes_long_each_time_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from soroi.cli.main import main

    folder = write_project(tmp_path / "tiny")
    edit(folder, "import soroi as so\n", "import os\nimport soroi as so\nHOME = os.environ.get('HOME')\n")
    for limit, times in ((-1.0, 1), (1000.0, 0)):
        monkeypatch.setattr(room, "LONG", limit)
        for command in (["status"], ["plan"], ["status", "--json"]):
            main([*command, "--project", str(folder)])
            said = capsys.readouterr()
            assert said.err.count("will each time, because tiny.py:10: `os.environ.get` is called") == times
            assert "each time" not in said.out


def test_loading_that_takes_long_once_is_not_worth_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONG", -1.0)
    with open_project(write_project(tmp_path / "tiny")) as project:
        project.statuses()
        assert project.declarations.seconds > 0
        assert project.declarations.note is None


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "loaded"])
def test_an_open_project_notices_what_is_edited_meanwhile(tiny: Tiny, kept: bool) -> None:
    asked(tiny.folder)
    project = tiny.project
    project.reload()
    if not kept:
        assert project.code.graph
    assert project.statuses()["basic"].state.is_fresh
    before = project.fingerprints
    assert project.statuses()["basic"].state.is_fresh
    assert project.fingerprints == before
    edit(tiny.folder, '    return items.select("id", "x", "y")', '    return items.select("id", "y", "x")')
    assert not project.statuses()["basic"].state.is_fresh  # the same project, and nobody reloaded it
    assert "basic" in {one.node for one in project.plan().nodes if one.action.value != "nothing"}
    edit(tiny.folder, '    return items.select("id", "y", "x")', '    return items.select("id", "x", "y")')
    assert project.plan().nodes
    assert project.statuses()["basic"].state.is_fresh


def test_an_open_project_notices_an_edit_that_cannot_be_loaded(tiny: Tiny) -> None:
    project = tiny.project
    project.statuses()
    edit(tiny.folder, "import soroi as so", "import soroi as so\nso.nothing_of_the_kind()")
    with pytest.raises(DeclarationError):
        project.statuses()
    edit(tiny.folder, "import soroi as so\nso.nothing_of_the_kind()", "import soroi as so")
    assert project.statuses()["basic"].state.is_fresh
