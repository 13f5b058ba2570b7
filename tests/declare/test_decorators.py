from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import soroi as so
from soroi.base.errors import DeclarationError
from soroi.declare.declaration import Declaration, collecting, declaration_of
from soroi.declare.node import Access, NodeKind
from soroi.declare.spec import DecisionSpec, FileRef, SourceSpec


def of(thing: Any) -> Declaration:
    found = declaration_of(thing)
    assert found is not None
    return found


def spec(thing: Any) -> Any:
    return of(thing).make_spec(str)


def test_a_declared_function_stays_the_function_it_was() -> None:
    def items() -> int:
        """Things."""
        return 3

    marked = so.source(key="id")(items)
    assert marked is items
    assert marked() == 3
    assert of(items).doc == "Things."


def test_a_source_takes_what_it_is_given() -> None:
    team = so.group("team", owner="team@example.com")

    @so.source(
        key=["a", "b"],
        time="at",
        known_at="known",
        subject="who",
        partition="1d",
        matures_after="7d",
        in_step="1d",
        files=[so.file("a/*.csv"), so.file("b.csv")],
        group=team,
        access="public",
    )
    def items() -> None: ...

    assert spec(items) == SourceSpec(
        ("a", "b"), "at", "known", "who", "1d", "7d", "1d", (FileRef("a/*.csv"), FileRef("b.csv"))
    )
    assert (of(items).group, of(items).access) == (team, Access.PUBLIC)
    assert spec(items).moment == "known"


def test_a_source_is_known_when_it_happens_unless_said_otherwise() -> None:
    @so.source(key="id", time="at", files=so.file("x.csv"))
    def items() -> None: ...

    assert (spec(items).moment, spec(items).files) == ("at", (FileRef("x.csv"),))


def test_a_models_keyword_defaults_are_its_hyper_parameters() -> None:
    @so.model("examples", target="bad", split=so.by_time(test="7d", calibration="3d"), seed=7)
    def careful(train: Any, depth: int = 3, *, rate: float = 0.1) -> None: ...

    assert of(careful).parameters == {"depth": 3, "rate": 0.1}
    assert spec(careful).split.calibration == timedelta(days=3)
    assert spec(careful).behaviour()["seed"] == 7


def test_a_split_is_calibrated_on_as_much_as_it_is_tested_on() -> None:
    split = so.by_time(test="14d")
    assert split.calibration == split.test == timedelta(days=14)
    assert split.to_dict() == {"by": "time", "test": 1209600.0, "calibration": 1209600.0}


def test_a_threshold_and_a_decision_know_where_they_were_written() -> None:
    cut = so.threshold("careful", maximise=so.recall, subject_to=so.precision >= 0.9, name="cut")
    choice = so.decision(cascade=[cut], deadline="50ms", positive="a", negative="b", fail_safe="b", name="choice")
    assert cut.where.startswith("test_decorators.py:")
    assert cut.module == choice.module == __name__
    assert repr(cut) == f"<soroi threshold cut at {cut.where}>"
    assert "without a name yet" in repr(so.threshold("careful", maximise=so.recall))


def test_a_decision_takes_what_it_is_given() -> None:
    def rule(row: Any) -> bool | None:
        return None

    made: DecisionSpec = spec(
        so.decision(
            cascade=[so.when_sure("quick_cut", error=0.1, confidence=0.9), "careful_cut"],
            deadline=timedelta(seconds=1),
            positive="stop",
            negative="go",
            fail_safe="stop",
            fallbacks=[rule],
            record="durable",
        )
    )
    assert made.behaviour() == {
        "cascade": [
            {"threshold": "quick_cut", "error": 0.1, "confidence": 0.9},
            {"threshold": "careful_cut", "error": None, "confidence": 0.95},
        ],
        "deadline": 1.0,
        "positive": "stop",
        "negative": "go",
        "fail_safe": "stop",
        "fallbacks": ["rule"],
        "durable": True,
    }


def test_nothing_is_declared_by_what_is_not_declared() -> None:
    assert declaration_of(print) is None
    assert declaration_of("items") is None


def test_all_that_is_declared_in_a_block_is_gathered() -> None:
    with collecting() as made:
        so.threshold("a", maximise=so.recall)
        so.source(key="id")(lambda_named())
    so.threshold("b", maximise=so.recall)
    assert [one.kind for one in made] == [NodeKind.THRESHOLD, NodeKind.SOURCE]


def lambda_named() -> Any:
    def inner() -> None: ...

    return inner


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_floor_is_a_share(share: float) -> None:
    with pytest.raises(DeclarationError, match="not a share"):
        so.at_least(share)


def test_a_callable_without_a_name_cannot_be_declared() -> None:
    class Callable:
        def __call__(self) -> None: ...

    with pytest.raises(DeclarationError, match="must be a named function"):
        so.source(key="id")(Callable())
