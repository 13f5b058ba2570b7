from __future__ import annotations

import json

from soroi.base.reason import Reason

LEAF = Reason("code", "clean() changed", "basic", facts={"line": 3})
TREE = Reason(
    "upstream", "examples is stale", "careful", because=(Reason("upstream", "basic is stale", "basic", (LEAF,)),)
)


def test_a_tree_is_shown_as_indented_lines() -> None:
    assert list(TREE.lines()) == ["examples is stale", "  basic is stale", "    clean() changed"]


def test_all_reasons_are_walked_depth_first() -> None:
    assert [one.text for one in TREE.walk()] == ["examples is stale", "basic is stale", "clean() changed"]


def test_a_tree_is_plain_data_without_what_is_empty() -> None:
    assert LEAF.to_dict() == {"kind": "code", "text": "clean() changed", "subject": "basic", "facts": {"line": 3}}
    assert json.loads(json.dumps(TREE.to_dict()))["because"][0]["because"] == [LEAF.to_dict()]
    assert "because" not in LEAF.to_dict()
