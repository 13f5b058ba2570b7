from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from soroi.base.runtime import CountingIds, ManualClock, RandomIds, Runtime, SystemClock, actor_name


def test_the_machines_clock_tells_an_aware_time_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    before = clock.now()
    assert clock.now() == before
    clock.advance(timedelta(hours=2))
    assert clock.now() - before == timedelta(hours=2)


def test_random_ids_are_unique_and_carry_their_prefix() -> None:
    made = [RandomIds().new("run") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(one.startswith("run_") and len(one) == 30 for one in made)


def test_random_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millisecond in (1, 31, 32, 1024, 2**40):
        monkeypatch.setattr("time.time_ns", lambda at=millisecond: at * 1_000_000)
        made.append(RandomIds().new("run"))
    assert made == sorted(made)


def test_counting_ids_count_up_and_sort() -> None:
    ids = CountingIds()
    made = [ids.new("run") for _ in range(40)]
    assert made == sorted(set(made))
    assert made[0] == "run_" + "0" * 25 + "1"


def test_the_actor_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_ACTOR", "ann@example.com")
    assert Runtime().actor == "ann@example.com"


def test_the_actor_is_the_systems_user_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOROI_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert actor_name() == "ann"


def test_a_user_without_a_name_acts_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("no such user")

    monkeypatch.delenv("SOROI_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", nameless)
    assert actor_name() == f"uid:{os.getuid()}"
