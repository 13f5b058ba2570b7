"""Terms: until when an approval, a role or a token holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from soroi.base.duration import duration
from soroi.base.errors import ConfigError


def ends(now: datetime, expires: str | timedelta | None) -> datetime | None:
    """When something that begins now is over; ``None``: never.

    Args:
        now: The time.
        expires: How long it holds, as ``7d``; ``None``: for ever.

    Raises:
        ConfigError: It is not a duration, or none that is longer than nothing.
    """
    if expires is None:
        return None
    try:
        span = duration(expires)
        until = now + span
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--expires: {error}", hint="such as 12h, 7d or 30d") from None
    if span <= timedelta(0):
        raise ConfigError("--expires: what is over at once is of no use", hint="such as 12h, 7d or 30d")
    return until
