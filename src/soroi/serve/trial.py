"""Trials: a rollout as a server sees it. Which arm a request belongs to is decided once, from its first row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soroi.release.rollout import BASE, CHALLENGER, EACH_ANSWER, is_challenger, unit_of

if TYPE_CHECKING:
    from soroi.serve.view import Serving


@dataclass(frozen=True)
class Trying:
    """How a challenger takes part."""

    rollout: str
    """Id of the rollout."""

    is_shadow: bool
    """Whether the challenger answers as well instead of instead."""

    key: str
    """Column that an arm sticks to, or :data:`soroi.release.rollout.EACH_ANSWER`."""

    step: int
    """Place of the present step."""

    share: float
    """Share of the key's values that are the challenger's."""

    decisions: frozenset[str]
    """The decisions that take part."""


@dataclass(frozen=True)
class Arm:
    """Which arm a request belongs to, as it is recorded with its answers."""

    name: str = BASE
    """``base``, ``challenger`` or ``shadow``."""

    rollout: str | None = None
    """Id of the rollout; ``None``: the request takes no part in one."""

    step: int | None = None
    """Place of its step."""

    unit: str | None = None
    """What the arm sticks to, hashed."""


ALONE = Arm()
"""No part in any rollout."""


@dataclass(frozen=True)
class Trial:
    """A challenger that is ready to answer."""

    trying: Trying
    """How it takes part."""

    challenger: Serving
    """What it answers with."""

    def arm(self, decision: str, row: Mapping[str, Any], answer: str) -> Arm:
        """The arm of a request.

        A request with several rows is answered by one manifest: that of its first row.

        Args:
            decision: Id of the decision that is asked.
            row: Its first row, as typed values.
            answer: Id that its first answer will have.
        """
        trying = self.trying
        if decision not in trying.decisions or decision not in self.challenger.snapshot.decisions:
            return ALONE
        value = answer if trying.key == EACH_ANSWER else row.get(trying.key)
        if value is None:  # nothing to stick to
            return ALONE
        unit = unit_of(trying.rollout, value)
        chosen = is_challenger(unit, trying.share)
        if trying.is_shadow:
            return Arm(BASE, trying.rollout, trying.step, unit) if chosen else ALONE
        return Arm(CHALLENGER if chosen else BASE, trying.rollout, trying.step, unit)
