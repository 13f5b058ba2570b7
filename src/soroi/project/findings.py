"""What the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "warn", "fail"]
"""How a check came out."""


@dataclass(frozen=True)
class Check:
    """What came of one check."""

    name: str
    """What was looked at."""

    outcome: Outcome
    """How it came out."""

    seen: str
    """What was seen."""

    remedy: str | None = None
    """What to do about it."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "outcome": self.outcome, "seen": self.seen, "remedy": self.remedy}
