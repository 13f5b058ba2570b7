"""Domains: which values of a column a decision's models may be asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soroi.base.errors import DeclarationError
from soroi.declare.node import NAME

Plain = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Domain:
    """The values of one column: a range, or a list."""

    low: float | None = None
    """Smallest value, itself inside; ``None``: none is too small."""

    high: float | None = None
    """Largest value, itself inside; ``None``: none is too large."""

    values: tuple[Plain, ...] | None = None
    """The only values; ``None``: those of the range."""

    def holds(self, value: Any) -> bool:
        """Whether a value is inside. A missing one is: that is another matter."""
        if value is None:
            return True
        if self.values is not None:
            return value in self.values
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.values is not None:
            return "one of " + ", ".join(repr(one) for one in self.values)
        if self.low is None:
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it."""
        if self.values is not None:
            return {"values": list(self.values)}
        return {"low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Domain:
        """A domain from its plain data."""
        values = body.get("values")
        return cls(body.get("low"), body.get("high"), None if values is None else tuple(values))


def between(low: float | None = None, high: float | None = None) -> Domain:
    """A range of numbers, both ends inside.

    Args:
        low: Smallest value. Default: none is too small.
        high: Largest value. Default: none is too large.
    """
    if low is None and high is None:
        raise DeclarationError("so.between() bounds nothing", hint="such as so.between(0, 120)")
    if low is not None and high is not None and not low <= high:
        raise DeclarationError(f"so.between({low}, {high}) holds no value", hint="name the smaller one first")
    return Domain(low, high)


def one_of(*values: Plain) -> Domain:
    """A list of values, such as categories.

    Args:
        *values: The values.
    """
    if not values:
        raise DeclarationError("so.one_of() holds no value", hint='such as so.one_of("US", "NO")')
    return Domain(values=tuple(values))


def valid_domain(domain: Mapping[str, Any] | None, place: str) -> tuple[tuple[str, Domain], ...]:
    """What a decision declares about columns, in the order of their names.

    Raises:
        DeclarationError: It is not a mapping from columns to domains; names the place.
    """
    found = []
    for name, one in sorted((domain or {}).items()):
        if not isinstance(name, str) or not NAME.match(name) or not isinstance(one, Domain):
            raise DeclarationError(
                f"domain={{{name!r}: {one!r}}} is not understood",
                hint='such as domain={"age": so.between(0, 120), "country": so.one_of("US", "NO")}',
                where=place,
            )
        found.append((name, one))
    return tuple(found)
