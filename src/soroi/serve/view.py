"""What requests are answered with: one immutable view, swapped as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from soroi.serve.answer import Answer, Detail
from soroi.serve.snapshot import Snapshot
from soroi.serve.tables import OnlineTables
from soroi.serve.trial import Trial


@dataclass(frozen=True)
class Serving:
    """What one request is answered with, from its first to its last step."""

    snapshot: Snapshot
    """The manifest, loaded."""

    tables: OnlineTables
    """Its context tables."""

    environment: str
    """Name of the head that points at it."""

    revision: int
    """Revision of that head."""

    since: datetime
    """Since when it answers."""


@dataclass(frozen=True)
class View:
    """What requests are answered with, swapped as a whole: each request looks once."""

    base: Serving
    """The manifest that the head points at."""

    trial: Trial | None = None
    """The challenger of a rollout, once it is ready."""


Warm = Callable[[Serving], object]
"""Called with what will answer, before it does; what it raises keeps it from answering."""


@dataclass(frozen=True)
class Given:
    """Answers together with what is recorded with them."""

    answers: list[Answer]
    """One for each row, in order."""

    details: list[Detail]
    """Likewise."""
