"""When kept declarations are read, and when the project is loaded instead."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from soroi.codebase import kept, library_version, load
from soroi.codebase.kept import Declared, KeptDeclarations
from soroi.declare.fingerprint import fingerprints

TEXT = """
import helper
import polars as pl
import soroi as so
import area.inner
try:
    from area import extra
except ImportError:
    extra = None

DATA = so.file("data/*.csv")

@so.source(key="id", time="at")
def items():
    return helper.read(DATA), area.inner.SIZE
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of four modules and a declared file."""
    root = tmp_path / "project"
    (root / "area").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "main.py").write_text(TEXT)
    (root / "helper.py").write_text("def read(x):\n    return x\n")
    (root / "area" / "inner.py").write_text("SIZE = 1\n")
    (root / "data" / "a.csv").write_text("1\n")
    return root


def keeper(folder: Path) -> KeptDeclarations:
    """What keeps the declarations of the project."""
    return KeptDeclarations(folder, "main", folder / ".soroi")


def keep(folder: Path) -> str | None:
    """Load the project and keep what it declares; why not, if not."""
    code = load(folder, "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    return keeper(folder).write(code, code.graph, made, {})


def read(folder: Path) -> Declared | None:
    """What was kept, when it holds."""
    return keeper(folder).read()


def file(folder: Path) -> Path:
    """The file in which declarations are kept."""
    return next((folder / ".soroi" / "declared").iterdir())


def test_what_was_kept_is_read(folder: Path) -> None:
    assert keep(folder) is None
    found = read(folder)
    assert found is not None
    assert [node.name for node in found.graph] == ["items"]
    assert found.parts == {}
    assert [one.name for one in (folder / ".soroi" / "declared").iterdir()] == [file(folder).name]


CHANGES: dict[str, Callable[[Path], object]] = {
    "an_edited_module": lambda root: (root / "helper.py").write_text("def read(x):\n    return x, 1\n"),
    "an_edited_module_of_a_package": lambda root: (root / "area" / "inner.py").write_text("SIZE = 2\n"),
    "a_removed_module": lambda root: (root / "helper.py").unlink(),
    "a_module_that_becomes_a_package": lambda root: (
        shutil.copytree(root / "area", root / "helper")
        and (root / "helper" / "__init__.py").write_text("def read(x): pass\n")
    ),
    "a_folder_that_becomes_a_package": lambda root: (root / "area" / "__init__.py").write_text(""),
    "a_module_that_hides_a_library": lambda root: (root / "polars.py").write_text(""),
    "a_module_that_was_missing": lambda root: (root / "area" / "extra.py").write_text("X = 1\n"),
    "a_changed_file": lambda root: (root / "data" / "a.csv").write_text("2\n"),
    "an_added_file": lambda root: (root / "data" / "b.csv").write_text("2\n"),
    "a_removed_file": lambda root: (root / "data" / "a.csv").unlink(),
    "a_truncated_file": lambda root: file(root).write_bytes(file(root).read_bytes()[:-9]),
    "an_empty_file": lambda root: file(root).write_bytes(b""),
    "a_removed_kept_file": lambda root: file(root).unlink(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_read_after(name: str, folder: Path) -> None:
    assert keep(folder) is None
    CHANGES[name](folder)
    assert read(folder) is None


def test_nothing_is_read_after_a_flipped_byte_anywhere(folder: Path) -> None:
    assert keep(folder) is None
    whole = file(folder).read_bytes()
    for place in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file(folder).write_bytes(bytes(damaged))
        assert read(folder) is None


def test_nothing_is_read_after_a_link_leads_elsewhere(folder: Path) -> None:
    for name in ("one", "two"):
        (folder.parent / name).mkdir()
        shutil.copy(folder / "helper.py", folder.parent / name / "helper.py")
    (folder / "helper.py").unlink()
    (folder / "helper.py").symlink_to(folder.parent / "one" / "helper.py")
    assert keep(folder) is None
    assert read(folder) is not None
    (folder / "helper.py").unlink()
    (folder / "helper.py").symlink_to(folder.parent / "two" / "helper.py")
    assert read(folder) is None


def test_nothing_is_read_by_another_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(folder)
    monkeypatch.setattr(sys, "version", "4.0")
    assert read(folder) is None


def test_nothing_is_read_by_another_soroi(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(folder)
    monkeypatch.setattr(kept, "FORMAT", -1)
    assert read(folder) is None


def test_nothing_is_read_after_something_was_installed_or_taken_earlier(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "thing-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    assert keep(folder) is None
    assert read(folder) is not None
    (tmp_path / "first" / "other-1.0.dist-info").mkdir()
    assert read(folder) is None
    assert keep(folder) is None
    sys.path.remove(str(tmp_path / "first"))
    sys.path.insert(0, str(tmp_path / "first"))
    assert read(folder) is None


def test_nothing_is_read_after_a_module_on_the_path_hides_a_library(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keep(folder) is None
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "polars.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "hiding"))
    monkeypatch.delitem(sys.modules, "polars")
    assert read(folder) is None


def test_a_library_without_a_version_keeps_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "unversioned_thing.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "beside"))
    (folder / "main.py").write_text("import unversioned_thing\n" + TEXT)
    assert "version is not known" in str(keep(folder))


def test_a_file_that_changes_while_the_project_is_loaded_keeps_nothing(folder: Path) -> None:
    code = load(folder, "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    (folder / "data" / "a.csv").write_text("2\n")
    assert "changed while" in str(keeper(folder).write(code, code.graph, made, {}))
    assert read(folder) is None


def test_what_is_no_longer_plain_is_no_longer_kept(folder: Path) -> None:
    assert keep(folder) is None
    (folder / "helper.py").write_text("import os\nX = os.environ.get('HOME')\ndef read(x):\n    return x\n")
    found = keep(folder)
    assert found is not None
    assert found.startswith("helper.py:2: ")
    assert not list((folder / ".soroi" / "declared").iterdir())


def test_a_folder_one_may_not_write_is_said(folder: Path) -> None:
    (folder / ".soroi").write_text("a file")
    assert "cannot be written" in str(keep(folder))
    assert read(folder) is None


def test_many_who_keep_at_once_leave_one_whole_file(folder: Path) -> None:
    code = load(folder, "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: keeper(folder)._put(b"x" * 100_000), range(20)))
    assert found == [None] * 20
    assert keeper(folder).write(code, code.graph, made, {}) is None
    assert read(folder) is not None
    assert len(list((folder / ".soroi" / "declared").iterdir())) == 1


def test_two_processes_keep_and_read_the_same(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from soroi.project import open_project\n"
        "p = open_project(Path(sys.argv[1])); print(sorted((n, f.behaviour) for n, f in p.fingerprints.items()))\n"
        "print(p.declarations.not_kept, file=sys.stderr)"
    )
    (folder / "soroi.toml").write_text('[project]\nname = "x"\nmodule = "main"\n')
    command = [sys.executable, "-c", script, str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert said[0] == said[1] != ""
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == said[0]
