"""Single values as requests bring them: strictly of the declared type, nothing is guessed or rounded."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from typing import Any

import msgspec
import polars as pl

Check = Callable[[Any], Any]
"""Takes a value that is not null; gives it as Polars takes it, or raises :class:`WrongValue`."""

_INTEGERS: dict[type[pl.DataType], tuple[int, int]] = {
    **{kind: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits, kind in (
        (8, pl.Int8), (16, pl.Int16), (32, pl.Int32), (64, pl.Int64), (128, pl.Int128),
    )},
    **{kind: (0, 2**bits - 1) for bits, kind in (
        (8, pl.UInt8), (16, pl.UInt16), (32, pl.UInt32), (64, pl.UInt64),
    )},
}  # fmt: skip
_WHOLE_FLOAT = 2**53
_FLOAT32_MAX = 3.4028234663852886e38
_NANOSECOND_YEARS = (1678, 2261)
_SHOWN = 60
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class WrongValue(Exception):  # noqa: N818 (caught at once and turned into an error that names row and field)
    """A value is not what its column takes; the text says what it takes."""


def check_of(dtype: pl.DataType) -> Check:
    """The check of a column's type."""
    if type(dtype) in _INTEGERS:
        return _integer(*_INTEGERS[type(dtype)])
    simple: dict[type[pl.DataType], Check] = {
        pl.Float64: _float,
        pl.Float32: _float32,
        pl.String: _text,
        pl.Boolean: _boolean,
        pl.Date: _date,
        pl.Time: _time,
        pl.Binary: _binary,
        pl.Duration: _duration,
    }
    if type(dtype) in simple:
        return simple[type(dtype)]
    if isinstance(dtype, pl.Datetime):
        return _datetime(dtype)
    if isinstance(dtype, pl.Decimal):
        return _decimal(dtype.precision or 38, dtype.scale)
    if isinstance(dtype, pl.List):
        return _list(check_of(_made(dtype.inner)), None)
    if isinstance(dtype, pl.Array):
        return _list(check_of(_made(dtype.inner)), dtype.size)
    if isinstance(dtype, pl.Struct):
        return _struct({field.name: check_of(_made(field.dtype)) for field in dtype.fields})
    return _nothing


def shown(value: Any) -> str:
    """A value for messages, short."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    kind = {str: "text", int: "number", float: "number", list: "list", dict: "object"}.get(type(value))
    if isinstance(value, int) and abs(value) >= 10**18:
        return f"a number of {len(f'{abs(value):x}')} hexadecimal digits"
    text = ascii(value) if isinstance(value, str) else repr(value) if kind == "number" else ""
    if len(text) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return f"the {kind or type(value).__name__} {text}".rstrip()


def _made(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return found


def _integer(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int:
            raise WrongValue("a whole number")
        if not low <= value <= high:
            raise WrongValue(f"a whole number from {low} to {high}")
        return value

    return check


def _float(value: Any) -> float:
    if type(value) is float:
        if not math.isfinite(value):
            raise WrongValue("a finite number")
        return value
    if type(value) is not int:
        raise WrongValue("a number")
    if abs(value) > _WHOLE_FLOAT and (value.bit_length() > 1023 or int(float(value)) != value):
        raise WrongValue("a number that fits into 64 bits of floating point exactly")
    return float(value)


def _float32(value: Any) -> float:
    found = _float(value)
    if abs(found) > _FLOAT32_MAX:
        raise WrongValue("a number that fits into 32 bits of floating point")
    return found


def _text(value: Any) -> str:
    if type(value) is not str:
        raise WrongValue("a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise WrongValue("a text of valid Unicode") from None
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise WrongValue("true or false")
    return value


def _date(value: Any) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise WrongValue("a date such as '2013-03-01'") from None


def _time(value: Any) -> time:
    try:
        found = value if type(value) is time else time.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is not None:
        raise WrongValue("a time of day such as '06:30:00'")
    return found


def _datetime(dtype: pl.Datetime) -> Check:
    zoned = dtype.time_zone is not None
    wanted = "a time with its zone, such as '2013-03-01T06:00:00Z'" if zoned else "a time such as '2013-03-01T06:00:00'"
    low, high = _NANOSECOND_YEARS if dtype.time_unit == "ns" else (1, 9999)

    def check(value: Any) -> datetime:
        try:
            found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            if (found.tzinfo is not None) is not zoned:
                raise WrongValue(wanted + ("" if zoned else ", without a zone"))
            found = found.astimezone(UTC) if zoned else found
        except (TypeError, ValueError, OverflowError):
            raise WrongValue(wanted) from None
        if not low < found.year < high:
            raise WrongValue(f"a time between the years {low + 1} and {high - 1}")
        return found

    return check


def _duration(value: Any) -> timedelta:
    try:
        return value if isinstance(value, timedelta) else msgspec.convert(value, timedelta)
    except (msgspec.ValidationError, OverflowError):
        raise WrongValue("a span of time in ISO 8601, such as 'PT3H'") from None


def _decimal(precision: int, scale: int) -> Check:
    def check(value: Any) -> Decimal:
        wanted = f"a decimal number as text, of {precision} digits with {scale} behind the point"
        if type(value) not in (str, int, Decimal) or len(str(value)) > precision + 40:
            raise WrongValue(wanted)
        try:
            found = Decimal(value)
            if not found.is_finite() or abs(found) >= Decimal(10) ** (precision - scale):
                raise WrongValue(wanted)
            rounded = found.quantize(Decimal(1).scaleb(-scale)) if found else Decimal(0)
        except (DecimalException, ValueError):
            raise WrongValue(wanted) from None
        if rounded != found:
            raise WrongValue(wanted)
        return rounded

    return check


def _binary(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if type(value) is not str or len(value) % 4 or not _BASE64.fullmatch(value):
        raise WrongValue("bytes as base64 text")
    return b64decode(value)


def _list(inner: Check, size: int | None) -> Check:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise WrongValue("a list")
        if size is not None and len(value) != size:
            raise WrongValue(f"a list of {size}")
        return [None if one is None else _within(inner, one, "a list, in which each is ") for one in value]

    return check


def _struct(fields: dict[str, Check]) -> Check:
    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or any(name not in fields for name in value):
            raise WrongValue("an object with the fields " + ", ".join(fields))
        return {
            name: None if value.get(name) is None else _within(inner, value[name], f"an object whose '{name}' is ")
            for name, inner in fields.items()
        }

    return check


def _within(inner: Check, value: Any, place: str) -> Any:
    try:
        return inner(value)
    except WrongValue as wrong:
        raise WrongValue(f"{place}{wrong}") from None


def _nothing(_value: Any) -> Any:
    raise WrongValue("null, as in the source")
