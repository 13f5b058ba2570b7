"""Column types of the catalogue: times in UTC and canonical JSON, the same on every database."""

from __future__ import annotations

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
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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


def sequence_type() -> TypeEngine[int]:
    """A 64-bit counter that both SQLite (which wants INTEGER) and PostgreSQL fill in by themselves."""
    return BigInteger().with_variant(Integer(), "sqlite")
