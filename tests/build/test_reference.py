"""What is remembered of versions between looks."""

from __future__ import annotations

from typing import Any, cast

from soroi.build.reference import Remembered


def test_what_is_remembered_is_bounded_but_never_below_what_one_look_at_the_graph_needs() -> None:
    remembered = Remembered(heads={str(n): cast(Any, None) for n in range(70_000)}, nodes=20_000)
    remembered.limit()
    assert len(remembered.heads) == 70_000
    remembered.nodes = 10
    remembered.limit()
    assert remembered.heads == {}
