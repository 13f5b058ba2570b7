from __future__ import annotations

from typing import Any

import pytest

from soroi.serve.breaker import (
    FIRST_REST,
    LATE_IN_A_ROW,
    LONGEST_REST,
    RAISED_IN_A_ROW,
    Admission,
    Breaker,
    Breakers,
    Overloaded,
    Resting,
)


class Seconds:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def call(breaker: Breaker, **came: Any) -> None:
    breaker.enter()
    breaker.leave(**came)


def test_a_step_rests_after_it_was_late_often_enough_in_a_row(seconds: Seconds) -> None:
    breaker = Breaker(seconds)
    for _ in range(LATE_IN_A_ROW - 1):
        call(breaker, late=True)
    call(breaker)
    for _ in range(LATE_IN_A_ROW):
        assert not breaker.is_resting
        call(breaker, late=True)
    assert breaker.is_resting
    with pytest.raises(Resting, match=f"was late {LATE_IN_A_ROW} times in a row"):
        breaker.enter()


def test_a_step_that_raises_rests_later_than_one_that_is_late(seconds: Seconds) -> None:
    breaker = Breaker(seconds)
    for _ in range(RAISED_IN_A_ROW):
        call(breaker, raised=True)
    with pytest.raises(Resting, match="raised"):
        breaker.enter()


def test_one_probe_is_let_through_and_its_end_decides(seconds: Seconds) -> None:
    breaker = Breaker(seconds)
    for _ in range(LATE_IN_A_ROW):
        call(breaker, late=True)
    seconds.now += FIRST_REST
    breaker.enter()
    with pytest.raises(Resting):
        breaker.enter()
    breaker.leave(late=True)
    seconds.now += FIRST_REST
    with pytest.raises(Resting):
        breaker.enter()
    seconds.now += FIRST_REST
    call(breaker)
    assert not breaker.is_resting
    breaker.enter()


def test_a_probe_that_was_not_asked_decides_nothing(seconds: Seconds) -> None:
    breaker = Breaker(seconds)
    for _ in range(LATE_IN_A_ROW):
        call(breaker, late=True)
    seconds.now += FIRST_REST
    call(breaker, asked=False)
    assert breaker.is_resting
    call(breaker)
    assert not breaker.is_resting


def test_rests_grow_to_the_longest(seconds: Seconds) -> None:
    breaker = Breaker(seconds)
    for _ in range(LATE_IN_A_ROW):
        call(breaker, late=True)
    for _ in range(10):
        seconds.now += LONGEST_REST
        call(breaker, late=True)
    seconds.now += LONGEST_REST - 0.1
    with pytest.raises(Resting):
        breaker.enter()
    seconds.now += 0.1
    breaker.enter()


def test_breakers_are_of_a_manifest(seconds: Seconds) -> None:
    breakers = Breakers(seconds)
    for _ in range(LATE_IN_A_ROW):
        call(breakers.of("m1", "cut"), late=True)
    assert not breakers.of("m2", "cut").is_resting
    assert breakers.resting() == ["cut"]
    breakers.keep({"m2"})
    assert breakers.resting() == []


def test_nobody_waits_for_what_would_be_late_but_one_is_always_let_through() -> None:
    admission = Admission(parallel=2)
    admission.enter("slow", 0.05)
    admission.leave("slow", 0.2)
    admission.enter("slow", 0.05)
    with pytest.raises(Overloaded, match="1 requests wait"):
        admission.enter("slow", 0.05)
    admission.enter("slow", 0.5)
    admission.leave("slow", 0.01)
    admission.leave("slow", None)
    admission.enter("quick", 0.05)
    admission.leave("quick", 0.01)
