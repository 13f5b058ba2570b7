from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.scoring.conftest import ROOT, imported

from soroi import _native
from soroi.scoring.program import IN_SET, KNOWN_SET, NODE


@pytest.fixture(autouse=True)
def looked_up_again() -> Iterator[None]:
    _native.extension.cache_clear()
    yield
    _native.extension.cache_clear()


def test_the_extension_is_left_alone_when_told_so_or_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_PURE_PYTHON", "1")
    assert _native.extension() is None
    _native.extension.cache_clear()
    monkeypatch.setenv("SOROI_PURE_PYTHON", "")
    monkeypatch.setitem(sys.modules, "soroi._native.walk", None)  # as where it was not compiled
    assert _native.extension() is None


@pytest.mark.parametrize(("api", "taken"), [(_native.API, True), (_native.API + 1, False), (None, False)])
def test_an_extension_of_other_sources_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, api: int | None, taken: bool
) -> None:
    other = ModuleType("soroi._native.walk")
    if api is not None:
        other.__dict__["API"] = api
    monkeypatch.delenv("SOROI_PURE_PYTHON", raising=False)
    monkeypatch.setitem(sys.modules, "soroi._native.walk", other)
    assert (_native.extension() is other) is taken


def test_the_extension_is_what_the_package_expects(extension: ModuleType) -> None:
    assert extension.API == _native.API


def made(extension: ModuleType, **changes: Any) -> Any:
    nodes = np.array([(0.5, 0, 1, -1, 0), (0.0, 1, -2, -3, IN_SET | KNOWN_SET)], dtype=NODE)
    arguments = {
        "base": 0.5,
        "columns": array("i", [0, 1]),
        "nodes": nodes,
        "roots": array("i", [0]),
        "leaves": np.arange(3.0),
        "spans": array("i", [0, 1, 1, 1]),
        "words": array("I", [1, 3]),
        "single": False,
        "nan": True,
        "infinite": True,
    }
    return extension.Forest(*(arguments | changes).values())


def altered(name: str, value: float) -> Any:
    nodes = np.array([(0.5, 0, 1, -1, 0), (0.0, 1, -2, -3, IN_SET | KNOWN_SET)], dtype=NODE)
    nodes[name][1] = value
    return nodes


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": altered("left", 1)},
        {"nodes": altered("left", 2)},
        {"nodes": altered("right", -4)},
        {"nodes": altered("feature", 2)},
        {"nodes": altered("feature", -1)},
        {"nodes": altered("threshold", 1.0)},
        {"nodes": altered("threshold", -1.0)},
        {"nodes": altered("threshold", float("nan"))},
        {"nodes": b"short"},
        {"roots": array("i", [2])},
        {"roots": array("i", [-4])},
        {"columns": array("i", [0, -1])},
        {"spans": array("i", [0, 3, 0, 0])},
        {"spans": array("i", [-1, 1, 0, 0])},
        {"spans": array("i", [2**31 - 1, 2**31 - 1, 0, 0])},
    ],
)
def test_trees_that_lead_out_of_bounds_are_refused_in_c_too(extension: ModuleType, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"do not fit together|wrong size|below zero"):
        made(extension, **changes)


def test_rows_that_do_not_fit_are_refused_in_c(extension: ModuleType) -> None:
    trees = made(extension)
    assert trees.sum((0.1, 0)) == trees.sum([0.1, 0]) == 1.5
    with pytest.raises(IndexError):
        trees.sum((0.1,))
    with pytest.raises(TypeError):
        trees.sum((0.1, "text"))
    with pytest.raises(TypeError):
        trees.sum(iter((0.1, 1)))
    with pytest.raises(OverflowError):
        trees.sum((0.1, 10**400))
    with pytest.raises(ValueError, match="sizes that do not fit"):
        trees.sums(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises((TypeError, BufferError, ValueError)):
        trees.sums(np.zeros((2, 2)), bytes(16))
    with pytest.raises(ValueError, match="do not take"):
        made(extension, nan=False).sum((None, 1))
    with pytest.raises(ValueError, match="different lengths"):
        extension.Linear(0.0, array("i", [0]), array("d"), array("d", [0]), array("d", [1]), array("d", [1]))


def test_a_row_of_many_columns_is_summed(extension: ModuleType) -> None:
    wide = made(extension, columns=array("i", range(1000)))
    assert wide.sum([0.1, 0, *range(998)]) == 1.5
    with pytest.raises(TypeError):
        wide.sum([0.1, 0, *range(997), "text"])


def test_the_build_goes_on_without_a_compiler_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hatchling")
    hook = imported("hatch_build", ROOT / "hatch_build.py")
    broken = tmp_path / "broken.c"
    broken.write_text("int nothing(void) { return missing; }")
    target = tmp_path / hook.NAME
    monkeypatch.setattr(hook.shutil, "which", lambda _name: None)
    assert "no C compiler" in hook.compile_extension(ROOT / hook.SOURCE, target)
    monkeypatch.undo()
    if hook._compiler() is not None:
        assert "error" in hook.compile_extension(broken, target)
        broken.write_text("int nothing(void) { return 0; }")  # compiles, and is no extension
        assert hook.compile_extension(broken, target)
    monkeypatch.setenv("SOROI_PURE_PYTHON", "1")
    assert hook.compile_extension(ROOT / hook.SOURCE, target) == "SOROI_PURE_PYTHON is set"
    assert list(tmp_path.iterdir()) == [broken]
