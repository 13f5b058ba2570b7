"""Column types of the catalogue: times in UTC and canonical JSON, the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


def encode_json(value: Any) -> str:
    """Canonical JSON: keys sorted, no spaces. Values that JSON lacks (times, bytes…) become text."""
    return msgspec.json.encode(value, order="deterministic").decode()


def decode_json(text: str) -> Any:
    """The value of a JSON text."""
    return msgspec.json.decode(text)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn into UTC.

        Raises:
            ValueError: The time has no zone, so nobody can say when it was.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; the catalogue stores aware times only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back (SQLite keeps none)."""
        return None if value is None else _in_utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """The same for each value of a result; of SQLite, which has times as text, in one step."""
        if dialect.name == "sqlite":
            return _time_of_text
        return super().result_processor(dialect, coltype)


class Json(TypeDecorator[Any]):
    """Plain data as canonical JSON text. ``None`` is NULL."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Encode canonically."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Decode."""
        return None if value is None else decode_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """The same for each value of a result."""
        return _data_of_text


def _time_of_text(text: str | None) -> datetime | None:
    """A time as SQLite has it. Thousands are read for one answer: each is made with its zone, and not twice."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text + "+00:00")
    except ValueError:
        at = datetime.fromisoformat(text)
    return at if at.tzinfo is UTC else _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _data_of_text(text: str | None) -> Any:
    if text == "{}":  # what most rows hold
        return {}
    return None if text is None else msgspec.json.decode(text)


def sequence_type() -> TypeEngine[int]:
    """A 64-bit counter that both SQLite (which wants INTEGER) and PostgreSQL fill in by themselves."""
    return BigInteger().with_variant(Integer(), "sqlite")
