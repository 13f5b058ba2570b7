"""How a server fares, counted: plain numbers that cost little to keep, and can be added up over processes."""

from __future__ import annotations

import bisect
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from soroi.serve import Outcome

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the buckets of latency, in seconds; one more is above them."""

_FALLS = frozenset(one.value for one in Outcome if one.is_fall)
_MOST_ANSWERS = 65_536


class Stepped(Protocol):
    """A step of a path."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def outcome(self) -> str:
        """What came of it."""
        ...


class Told(Protocol):
    """An answer, as far as it is counted."""

    @property
    def decision(self) -> str:
        """Id of the decision."""
        ...

    @property
    def action(self) -> str:
        """What to do."""
        ...

    @property
    def arm(self) -> str:
        """Arm of a rollout."""
        ...

    @property
    def path(self) -> Sequence[Stepped]:
        """The steps asked."""
        ...


class _Step(msgspec.Struct, gc=False):
    name: str
    outcome: str


class _Told(msgspec.Struct, gc=False):
    decision: str
    action: str
    arm: str
    path: list[_Step]


class _Replied(msgspec.Struct, gc=False):
    answer: _Told | None = None
    answers: list[_Told] = []


_DECODE = msgspec.json.Decoder(_Replied).decode


class Counted(msgspec.Struct):
    """What one process has counted since it began. Keys of counts are their labels, in order."""

    answers: dict[str, int] = {}
    """By decision, answering step, arm and action, joined by tabs."""

    falls: dict[str, int] = {}
    """By decision, step and reason."""

    requests: dict[str, int] = {}
    """Requests for decisions, by decision and status."""

    latency: dict[str, list[int]] = {}
    """Requests by bucket of :data:`BOUNDS`, by decision."""

    seconds: dict[str, float] = {}
    """Sum of latencies, by decision."""

    shed: int = 0
    """Requests that were refused because too much waited."""

    unrecorded: int = 0
    """Answers that were given without being recorded."""

    waiting: int = 0
    """Requests that wait for a thread now."""

    connections: int = 0
    """Connections that stand now."""

    workers: int = 1
    """Processes that are in it."""

    manifests: dict[str, int] = {}
    """Processes that answer with each manifest, by id and revision."""


class Meters:
    """Counts. Used on the event loop only."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str, str], int] = defaultdict(int)
        self._falls: dict[tuple[str, str, str], int] = defaultdict(int)
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._latency: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = defaultdict(float)
        self.before = Counted(workers=0)
        """What processes counted whose place this one took."""

    def told(self, answers: Iterable[Told]) -> None:
        """Count answers."""
        for one in answers:
            path = one.path
            self._answers[one.decision, path[-1].name, one.arm, one.action] += 1
            for step in path:
                if step.outcome in _FALLS:
                    self._falls[one.decision, step.name, str(step.outcome)] += 1

    def replied(self, body: bytes) -> None:
        """Count the answers in the body of a reply."""
        found = _DECODE(body)
        self.told((found.answer,) if found.answer is not None else found.answers)

    def request(self, decision: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            decision: A decision that is known, or ``""``, so that nobody can fill the memory with names.
            status: Status of its reply.
            seconds: From its last byte to its reply.
        """
        self._requests[decision, status] += 1
        buckets = self._latency.get(decision)
        if buckets is None:
            buckets = self._latency[decision] = [0] * (len(BOUNDS) + 1)
        buckets[bisect.bisect_left(BOUNDS, seconds)] += 1
        self._seconds[decision] += seconds

    def counted(self) -> Counted:
        """What was counted until now."""
        own = Counted(
            answers={"\t".join(key): count for key, count in self._answers.items()},
            falls={"\t".join(key): count for key, count in self._falls.items()},
            requests={f"{name}\t{status}": count for (name, status), count in self._requests.items()},
            latency={name: list(buckets) for name, buckets in self._latency.items()},
            seconds=dict(self._seconds),
            workers=0,
        )
        return summed([self.before, own])


def summed(several: Iterable[Counted]) -> Counted:
    """What several processes counted, together."""
    total = Counted(workers=0)
    for one in several:
        for mine, theirs in (
            (total.answers, one.answers),
            (total.falls, one.falls),
            (total.requests, one.requests),
            (total.manifests, one.manifests),
        ):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for name, buckets in one.latency.items():
            before = total.latency.get(name, [0] * len(buckets))
            total.latency[name] = [a + b for a, b in zip(before, buckets, strict=True)]
        for name, seconds in one.seconds.items():
            total.seconds[name] = total.seconds.get(name, 0.0) + seconds
        total.shed += one.shed
        total.unrecorded += one.unrecorded
        total.waiting += one.waiting
        total.connections += one.connections
        total.workers += one.workers
    return total


class Board:
    """Where the processes of one server show each other what they counted: one small file each.

    Args:
        folder: Folder of the files; made if need be.
        group: What the files of one server have in common.
        slot: The place of this process among them.
    """

    def __init__(self, folder: Path, group: str, slot: int) -> None:
        self._folder = folder
        self._group = group
        self._own = folder / f"{group}-{slot}.json"
        self._shown = b""

    def inherit(self) -> Counted:
        """What the process counted that had this place before, without what ended with it."""
        found = _read(self._own)
        if found is None:
            return Counted(workers=0)
        return msgspec.structs.replace(found, workers=0, waiting=0, connections=0, manifests={})

    def show(self, counted: Counted) -> None:
        """Show what this process counted. A full disk keeps the figures old, and harms nothing else."""
        data = msgspec.json.encode(counted)
        if data == self._shown:
            return
        fresh = self._own.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
            fresh.replace(self._own)
        except OSError:
            return
        self._shown = data

    def others(self) -> list[Counted]:
        """What the other processes showed last."""
        paths = sorted(self._folder.glob(f"{self._group}-*.json"))
        found = [_read(path) for path in paths if path != self._own]
        return [one for one in found if one is not None]


def _read(path: Path) -> Counted | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Counted)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
