from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.projects import CODE

from soroi.codebase import library_version, load
from soroi.declare.fingerprint import Fingerprint, changes, fingerprints


class Marks:
    """Fingerprints of the tiny project with some texts replaced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = itertools.count()

    def __call__(
        self, *pairs: tuple[str, str], libraries: Callable[[str], str | None] = library_version
    ) -> dict[str, Fingerprint]:
        text = CODE
        for old, new in pairs:
            assert text.count(old) >= 1
            text = text.replace(old, new, 1)
        folder = self.folder / str(next(self.count))
        folder.mkdir()
        (folder / "tiny.py").write_text(text)
        code = load(folder, "tiny")
        with code.visible():
            return fingerprints(code.graph, in_project=code.owns, libraries=libraries)


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path)


def moved(old: dict[str, Fingerprint], new: dict[str, Fingerprint], part: str = "behaviour") -> set[str]:
    return {name for name in old if getattr(old[name], part) != getattr(new[name], part)}


def test_the_same_code_elsewhere_has_the_same_fingerprints(marks: Marks) -> None:
    one, other = marks(), marks()
    assert {name: mark.to_dict() for name, mark in one.items()} == {n: mark.to_dict() for n, mark in other.items()}


def test_a_change_moves_the_behaviour_of_its_own_node_and_of_all_below(marks: Marks) -> None:
    old, new = marks(), marks(('items.select("id", "x", "y")', 'items.select("id", "x", y=-pl.col("y"))'))
    assert moved(old, new) == {"basic"}
    assert moved(old, new, "upstream_behaviour") == {
        "examples", "quick", "careful", "second", "quick_cut", "careful_cut", "second_cut", "check", "other"
    }  # fmt: skip


def test_words_move_the_description_only(marks: Marks) -> None:
    old, new = marks(), marks(('"""A slower guess."""', '"""A slower and better guess."""'))
    assert moved(old, new) == set()
    assert moved(old, new, "description") == {"careful"}
    assert moved(old, new, "upstream_description") == {"careful_cut", "second", "second_cut", "check", "other"}


@pytest.mark.parametrize(
    ("old", "new", "node", "says"),
    [
        ("strength: float = 2.0", "strength: float = 3.0", "careful", "parameter strength=2.0 is now strength=3.0"),
        ("strength: float = 2.0", "power: float = 2.0", "careful", "parameter power=2.0 is new"),
        ("out_of_fold=2", "out_of_fold=3", "careful", "option out_of_fold=2 is now out_of_fold=3"),
        ('partition="1mo"', 'partition="1d"', "items", "partition='1mo' is now partition='1d'"),
        ("error=0.2", "error=0.1", "check", "option cascade="),
        ("@so.features(items)", '@so.features(so.last(items, "3h"))', "basic", "input 'items'"),
    ],
)
def test_what_moved_is_said(marks: Marks, old: str, new: str, node: str, says: str) -> None:
    before = marks()[node].to_dict()
    after = marks((old, new))[node]
    assert says in "\n".join(one.text for one in changes(before, after, {}))


def test_nothing_moved_gives_no_reason(marks: Marks) -> None:
    stored = msgspec.json.decode(msgspec.json.encode({n: mark.to_dict() for n, mark in marks().items()}))
    assert [name for name, mark in marks().items() if changes(stored[name], mark, {})] == []


def test_what_a_caller_chose_is_no_change(marks: Marks) -> None:
    mark = marks()["careful"]
    chosen = mark.with_parameters({"strength": 0.1})
    assert chosen.behaviour != mark.behaviour
    assert changes(chosen.to_dict(), mark, {"strength": 0.1}) == []
    assert mark.with_parameters({"strength": 2.0}).behaviour == mark.behaviour
    assert mark.with_parameters({}).behaviour == mark.behaviour


def test_a_parameter_that_cannot_be_told_apart_is_unknown(marks: Marks) -> None:
    mark = marks(("strength: float = 2.0", "strength: object = object()"))["careful"]
    assert any("strength" in one.text for one in mark.unknown)


def test_a_helper_counts_for_whom_it_serves(marks: Marks) -> None:
    old, new = marks(), marks(("schema_overrides={", "low_memory=True, schema_overrides={"))
    assert moved(old, new) == {"items", "outcomes"}


def test_a_fallback_counts_for_its_decision(marks: Marks) -> None:
    old, new = marks(), marks(('row["x"] > 1', 'row["x"] > 2'))
    assert moved(old, new) == {"check"}


def test_the_version_of_a_library_is_part_of_the_behaviour(marks: Marks) -> None:
    old, new = marks(), marks(libraries=lambda name: "2.0" if name == "sklearn" else library_version(name))
    assert moved(old, new) == {"quick", "careful", "second"}
    assert any("sklearn" in one.text for one in changes(old["quick"].to_dict(), new["quick"], {}))
