"""Deprecation: consumers are told, new ones refused, removal refused before its day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from soroi.base.errors import DeclarationError, RefusedError
from soroi.codebase import load
from soroi.declare.graph import Graph
from soroi.declare.lifecycle import Deprecation, check_consumers, check_removals, deprecated, deprecation_notes

CODE = """
import soroi as so
team = so.group("team", owner="team@example.com")
end = so.deprecated(since="2026-03-01", remove_after="2026-06-30", use_instead="fresh")

@so.source(key="id", time="at")
def items(): ...

@so.features(items, deprecated=end)
def old(items): ...

@so.dataset(old, items, group=team)
def examples(old, items): ...

@so.model(examples, target="bad", split=so.by_time(test="7d"))
def guess(train): ...
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "ending.py").write_text(CODE)
    return load(tmp_path, "ending").graph


def test_direct_and_indirect_consumers_are_told_with_their_owner(graph: Graph) -> None:
    notes = deprecation_notes(graph)
    assert set(notes) == {"examples", "guess"}
    assert notes["examples"][0].text == (
        "examples (team@example.com) uses 'old', which is deprecated since 2026-03-01, to be removed after "
        "2026-06-30; use 'fresh' instead"
    )
    assert "rests on 'old'" in notes["guess"][0].text


def test_a_new_consumer_is_refused_from_the_day_on(graph: Graph) -> None:
    check_consumers(graph, date(2026, 2, 28), lambda name, day: False)
    check_consumers(graph, date(2026, 4, 1), lambda name, day: True)
    with pytest.raises(RefusedError, match="dataset 'examples' is new and may not use features 'old'") as caught:
        check_consumers(graph, date(2026, 3, 1), lambda name, day: False)
    assert caught.value.hint == "use 'fresh'"


@pytest.mark.parametrize(
    ("today", "live", "what"),
    [
        (date(2026, 6, 30), [], "until 2026-06-30 has passed"),
        (date(2026, 7, 1), ["gone"], "still live"),
        (date(2026, 7, 1), [], None),
    ],
)
def test_removal_waits_for_its_day_and_for_what_is_live(
    graph: Graph, today: date, live: list[str], what: str | None
) -> None:
    described = [("gone", {"deprecated": Deprecation(date(2026, 3, 1), date(2026, 6, 30)).to_dict()}), ("free", {})]
    if what is None:
        check_removals(graph, today, described, live)
    else:
        with pytest.raises(RefusedError, match=what):
            check_removals(graph, today, described, live)


def test_without_a_day_it_stays(graph: Graph) -> None:
    with pytest.raises(RefusedError, match="before remove_after= is settled"):
        check_removals(graph, date(2030, 1, 1), [("gone", {"deprecated": {"since": "2026-03-01"}})], [])


@pytest.mark.parametrize(
    ("since", "until", "what"),
    [("soon", None, "not a day"), ("2026-03-01", "later", "not a day"), ("2026-03-01", "2026-02-01", "lies before")],
)
def test_wrong_days_are_refused(since: str, until: str | None, what: str) -> None:
    with pytest.raises(DeclarationError, match=what):
        deprecated(since=since, remove_after=until)


def test_a_deprecation_is_recorded_as_description_and_read_back() -> None:
    made = deprecated(since="2026-03-01", use_instead="fresh")
    assert Deprecation.from_dict(made.to_dict()) == made
