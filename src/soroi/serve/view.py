"""What requests are answered with: one immutable view, swapped as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from soroi.serve.answer import Answer, Detail
from soroi.serve.snapshot import Snapshot
from soroi.serve.tables import OnlineTables
from soroi.serve.trial import Trial

if TYPE_CHECKING:
    from soroi.serve.pool import WorkerPool
    from soroi.serve.prompt import Prompt


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

    pool: WorkerPool | None = field(default=None, repr=False)
    """The processes in which its steps run; ``None``: they run in threads of this one."""


@dataclass(frozen=True)
class View:
    """What requests are answered with, swapped as a whole: each request looks once."""

    base: Serving
    """The manifest that the head points at."""

    trial: Trial | None = None
    """The challenger of a rollout, once it is ready."""

    prompts: dict[str, Prompt | None] = field(default_factory=dict, repr=False, compare=False)
    """What answers bytes by it, by decision; each made when it is first asked for."""

    @property
    def servings(self) -> tuple[Serving, ...]:
        """Every manifest that takes part."""
        return (self.base,) if self.trial is None else (self.base, self.trial.challenger)


Warm = Callable[[Serving], object]
"""Called with what will answer, before it does; what it raises keeps it from answering."""


@dataclass(frozen=True)
class Given:
    """Answers together with what is recorded with them."""

    answers: list[Answer]
    """One for each row, in order."""

    details: list[Detail]
    """Likewise."""
