"""Circuit breakers: a step that was late or raised again and again is left alone for a while, then tried once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LATE_IN_A_ROW = 3
"""Late calls in a row after which a step rests. Each may have cost a worker."""

RAISED_IN_A_ROW = 20
"""Calls that raised in a row after which a step rests: more, because rows of one caller may be to blame."""

FIRST_REST, LONGEST_REST = 1.0, 30.0
"""Seconds of the first rest; each probe that fails doubles it, up to the longest."""


class Resting(Exception):  # noqa: N818 (it is an outcome)
    """A step is left alone; the text says why, in a sentence."""


class Overloaded(Exception):  # noqa: N818
    """A step is not asked, because so many wait for it that it would be late; the text says so."""


class Breaker:
    """Watches one step. Safe between threads.

    Args:
        clock: Counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._late = 0
        self._raised = 0
        self._rest = 0.0
        self._until = 0.0
        self._probing = False
        self._why = ""

    @property
    def is_resting(self) -> bool:
        """Whether the step is left alone, or being tried by one call."""
        return self._rest > 0.0

    def enter(self) -> None:
        """Ask whether the step may be called; then :meth:`leave` must be called.

        Raises:
            Resting: It is left alone.
        """
        if self._rest == 0.0:
            return
        with self._lock:
            if self._rest == 0.0:
                return
            if self._probing or self._clock() < self._until:
                raise Resting(f"it is left alone for {self._rest:g} s: it {self._why} in a row")
            self._probing = True

    def leave(self, *, late: bool = False, raised: bool = False, asked: bool = True) -> None:
        """Tell what came of a call.

        Args:
            late: It was not done in time.
            raised: It raised.
            asked: Whether the step was asked at all; if not, nothing is learned about it.
        """
        if not asked:
            with self._lock:
                self._probing = False
            return
        if not late and not raised and self._rest == 0.0 and not self._late and not self._raised:
            return
        with self._lock:
            probe, self._probing = self._probing, False
            if not late and not raised:
                self._late = self._raised = 0
                self._rest = 0.0
                return
            self._late = self._late + 1 if late else 0
            self._raised = self._raised + 1 if raised else 0
            if probe:
                self._rest = min(self._rest * 2.0, LONGEST_REST)
            elif self._rest == 0.0 and (self._late >= LATE_IN_A_ROW or self._raised >= RAISED_IN_A_ROW):
                self._rest = FIRST_REST
            else:
                return
            self._why = f"was late {self._late} times" if late else f"raised {self._raised} times"
            self._until = self._clock() + self._rest


class Breakers:
    """The breakers of all steps, by manifest and name.

    Args:
        clock: Counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], Breaker] = {}

    def of(self, manifest: str, step: str) -> Breaker:
        """The breaker of a step."""
        key = (manifest, step)
        found = self._known.get(key)
        return found if found is not None else self._known.setdefault(key, Breaker(self._clock))

    def keep(self, manifests: set[str]) -> None:
        """Forget the steps of other manifests."""
        for key in [one for one in self._known if one[0] not in manifests]:
            self._known.pop(key, None)

    def resting(self) -> list[str]:
        """Names of the steps that are left alone."""
        return sorted({step for (_, step), one in list(self._known.items()) if one.is_resting})


class Admission:
    """Tells before it is asked whether a step would be late: (waiting + 1) × recent service time > time left.

    One call is always let through, or a slow start would lock a step out for ever.

    Args:
        parallel: How many calls are served at once.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._lock = threading.Lock()
        self._waiting: dict[str, int] = {}
        self._recent: dict[str, float] = {}

    def enter(self, step: str, seconds: float) -> None:
        """Ask whether a call can be done in time; then :meth:`leave` must be called.

        Raises:
            Overloaded: It cannot.
        """
        with self._lock:
            waiting = self._waiting.get(step, 0)
            ahead = sum(count * self._recent.get(one, 0.0) for one, count in self._waiting.items())
            needed = ahead / self._parallel + self._recent.get(step, 0.0)
            if waiting and needed > seconds:
                raise Overloaded(f"{waiting} requests wait for it, {needed * 1000.0:.0f} ms of work")
            self._waiting[step] = waiting + 1

    def leave(self, step: str, seconds: float | None) -> None:
        """Tell that a call ended.

        Args:
            step: The step.
            seconds: How long it was served; ``None``: it was not.
        """
        with self._lock:
            self._waiting[step] -= 1
            if seconds is not None:
                before = self._recent.get(step, seconds)
                self._recent[step] = before + 0.2 * (seconds - before)
