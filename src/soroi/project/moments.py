"""Moments as people give them."""

from __future__ import annotations

from datetime import UTC, datetime

from soroi.base.errors import ConfigError


def moment(text: datetime | str | None) -> datetime | None:
    """A moment as people give it: an aware datetime, or ISO text; a date alone means midnight UTC.

    Raises:
        ConfigError: It is not one.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        raise ConfigError(f"'{text}' is not a moment", hint="such as 2013-03-01 or 2013-03-01T06:00+00:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def some_moment(text: datetime | str) -> datetime:
    """A moment as people give it; see :func:`moment`.

    Raises:
        ConfigError: It is not one.
    """
    found = moment(text)
    assert found is not None
    return found
