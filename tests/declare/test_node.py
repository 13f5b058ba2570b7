from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import DeclarationError
from soroi.declare.node import NodeId, NodeKind


@given(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.none() | st.text("abc XYZ-1", min_size=1, max_size=9))
def test_an_id_is_read_as_it_is_written(name: str, part: str | None) -> None:
    identity = NodeId(name, part)
    assert NodeId.parse(str(identity)) == identity


@pytest.mark.parametrize("text", ["", "9lives", "a-b", "a b", "a[", "a[]", "a[b", "[b]", "_a", "a" * 81])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="is not a node id"):
        NodeId.parse(text)


def test_kinds_know_what_they_are() -> None:
    assert {kind for kind in NodeKind if kind.is_data} == {NodeKind.SOURCE, NodeKind.DATASET}
    assert {kind for kind in NodeKind if kind.makes_table} == {NodeKind.SOURCE, NodeKind.DATASET, NodeKind.FEATURES}
    assert {kind for kind in NodeKind if kind.answers} == set(NodeKind) - {NodeKind.SOURCE, NodeKind.DATASET}
