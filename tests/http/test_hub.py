from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.http import hub
from soroi.http.hub import Done, Message, Reader, Spoke, Take, Up, packed

AT = datetime(2026, 2, 1, tzinfo=UTC)
MESSAGES = st.one_of(
    st.just(Up()),
    st.builds(Done, st.integers(0, 2**31)),
    st.builds(Take, st.integers(0, 9), st.text(), st.lists(st.dictionaries(st.text(), st.integers(0, 9))), st.just(AT)),
)


@given(messages=st.lists(MESSAGES, max_size=6), size=st.integers(1, 50))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[Message], size: int) -> None:
    data, reader = b"".join(map(packed, messages)), Reader()
    found = [one for at in range(0, len(data), size) for one in reader.feed(data[at : at + size])]
    assert found == messages


class Other:
    """A process, and the test at the other end of its line."""

    def __init__(self) -> None:
        theirs, self.line = socket.socketpair()
        self.line.settimeout(10)
        self.taken: list[Take] = []
        self.orphaned = threading.Event()
        self.spoke = Spoke(theirs, self.taken.append, self.orphaned.set)
        self.spoke.start()
        self._reader = Reader()
        self._heard: list[Message] = []

    def hear(self) -> Message:
        while not self._heard:
            self._heard += self._reader.feed(self.line.recv(4096))
        return self._heard.pop(0)

    def end(self) -> None:
        self.line.close()
        assert self.orphaned.wait(10)
        self.spoke._connection.close()


def test_rows_of_another_are_counted_before_that_is_said() -> None:
    other = Other()
    other.spoke.up()
    assert other.hear() == Up()
    other.line.sendall(packed(Take(7, "visits", [{"a": 1}], AT)))
    assert other.hear() == Done(7)
    assert other.taken == [Take(7, "visits", [{"a": 1}], AT)]
    other.end()


def test_rows_that_do_not_count_here_are_said_to_be_taken_all_the_same() -> None:
    other = Other()
    other.spoke._take = lambda _: 1 // 0  # type: ignore[assignment]
    other.line.sendall(packed(Take(7, "visits", [], AT)))
    assert other.hear() == Done(7)
    other.end()


def test_who_shares_rows_waits_until_they_count_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    other, shared = Other(), threading.Event()

    def share() -> None:
        other.spoke.share("visits", [{"a": 1}], AT)
        shared.set()

    thread = threading.Thread(target=share)
    thread.start()
    told = other.hear()
    assert told == Take(1, "visits", [{"a": 1}], AT)
    assert not shared.wait(0.05)
    other.line.sendall(packed(Done(99)) + packed(Done(1)))
    assert shared.wait(10)
    thread.join()
    monkeypatch.setattr(hub, "SHARE_SECONDS", 0.01)
    other.spoke.share("visits", [], AT)
    other.end()
    other.spoke.share("visits", [], AT)
