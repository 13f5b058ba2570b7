"""What moved, in words."""

from __future__ import annotations

from typing import Any

import pytest

from soroi.declare.behaviour import Component, difference

NODES = "import text\ndef wording(rows): return [text.clean(row) for row in rows]\n"


def moved(projects: Any, before: str, after: str, nodes: str = NODES) -> list[Any]:
    old, new = (projects.behaviour({"nodes.py": nodes, "text.py": one}) for one in (before, after))
    return difference({key: one.to_dict() for key, one in old.components.items()}, new.components)


def test_a_changed_helper_is_named_with_its_file_and_its_caller_and_shown(projects: Any) -> None:
    (reason,) = moved(projects, "def clean(row):\n    return row.strip()", "def clean(row):\n    return row.lower()")
    assert reason.kind == "code"
    assert reason.text == "`clean()` in text.py, called by `wording`, changed"
    assert reason.subject == "function text:clean"
    assert reason.facts["change"] == "changed"
    assert reason.facts["difference"].splitlines()[-2:] == ["-    return row.strip()", "+    return row.lower()"]


def test_comments_beside_a_change_are_not_shown(projects: Any) -> None:
    (reason,) = moved(projects, "def clean(row): return 1", "def clean(row):\n    # why\n    return 2")
    assert "why" not in reason.facts["difference"]


def test_a_changed_constant_is_shown_by_its_value(projects: Any) -> None:
    (reason,) = moved(projects, "N = 1\ndef clean(row): return N", "N = 2\ndef clean(row): return N")
    assert reason.text == "`N` in text.py, used by `clean`, changed"
    assert reason.facts["difference"].splitlines()[-2:] == ["-N = 1", "+N = 2"]


def test_a_helper_that_came_or_went_is_named(projects: Any) -> None:
    one, two = "def clean(row): return row", "def low(row): return row\ndef clean(row): return low(row)"
    texts = [reason.text for reason in moved(projects, one, two)]
    assert texts == [
        "`clean()` in text.py, called by `wording`, changed",
        "`low()` in text.py, called by `clean`, is new",
    ]
    texts = [reason.text for reason in moved(projects, two, one)]
    assert texts[1] == "`low()` in text.py, called by `clean`, is no longer reached"


def test_a_name_that_stands_for_something_else_is_said_to_do_so(projects: Any) -> None:
    both = "def a(r): return 1\ndef b(r): return 2\n"
    use = "def clean(r): return one(r) - two(r)"
    (reason,) = moved(projects, both + "one, two = a, b\n" + use, both + "one, two = b, a\n" + use)
    assert reason.text.startswith("`clean()` in text.py, called by `wording`, reads the same, but")


def test_a_changed_library_is_named_with_both_versions() -> None:
    old = {"library polars": Component("a", "library", "polars", "polars 2.1")}
    new = {"library polars": Component("b", "library", "polars", "polars 2.2")}
    assert [one.text for one in difference(old, new)] == ["the library polars changed: polars 2.1 → polars 2.2"]
    assert [one.text for one in difference({}, new)] == ["the library polars 2.2 is now used"]
    assert [one.text for one in difference(old, {})] == ["the library polars 2.1 is no longer used"]


def test_a_changed_parameter_is_shown_with_both_values() -> None:
    old = {"parameter:rate": Component("a", "parameter", "rate=0.1")}
    new = {"parameter:rate": Component("b", "parameter", "rate=0.2")}
    (reason,) = difference(old, new)
    assert (reason.kind, reason.text) == ("parameter", "parameter rate=0.1 is now rate=0.2")


def test_equal_behaviours_do_not_differ(projects: Any) -> None:
    assert moved(projects, "def clean(row): return 1", "# more\ndef clean(row):\n    return 1") == []


@pytest.mark.parametrize("body", [{}, {"digest": "a"}, {"kind": "code"}, {"kind": 1, "digest": "a"}])
def test_what_is_not_a_component_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a component"):
        Component.from_dict(body)
