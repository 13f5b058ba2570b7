"""Writing answers down: what fails is refused or told, as the decision says."""

from __future__ import annotations

from collections.abc import Callable

from soroi.base.errors import SoroiError
from soroi.serve.answer import record_of
from soroi.serve.snapshot import DecisionPart
from soroi.serve.view import Given
from soroi.store import AnswerLog


class Recorder:
    """Writes answers to a log, and knows how many it could not.

    Args:
        log: Gives the log.
    """

    def __init__(self, log: Callable[[], AnswerLog]) -> None:
        self._log = log
        self.unrecorded = 0
        """How many answers were given without being recorded."""

        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong at present, in a sentence."""
        if self._problem is None:
            return None
        return f"{self.unrecorded} answers were given without being recorded: {self._problem}"

    def record(self, part: DecisionPart, given: Given) -> None:
        """Write answers down.

        Raises:
            StorageFullError: The decision says that answers are on disk before they are given, and no space is left.
        """
        records = [record_of(one, detail) for one, detail in zip(given.answers, given.details, strict=True)]
        try:
            self._log().append(records, durable=part.durable)
            self._problem = None
        except SoroiError as error:
            self._failed(part, error, len(records))

    def keep(self, part: DecisionPart, record: bytes) -> None:
        """Write one answer down that is encoded already.

        Args:
            part: Its decision.
            record: What :func:`soroi.serve.answer.record_of` gives, in MessagePack.

        Raises:
            StorageFullError: As above.
        """
        try:
            self._log().append_encoded(part.node, record, durable=part.durable)
            self._problem = None
        except SoroiError as error:
            self._failed(part, error, 1)

    def _failed(self, part: DecisionPart, error: SoroiError, count: int) -> None:
        self.unrecorded += count
        self._problem = error.message
        if part.durable:
            raise error
