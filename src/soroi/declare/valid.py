"""What is checked of every declaration, however it is written: names, access, spans of time."""

from __future__ import annotations

from soroi.base.duration import duration
from soroi.base.errors import DeclarationError
from soroi.declare.node import NAME, Access


def valid_name(name: str | None, place: str) -> str | None:
    """The name, if it can name a node.

    Raises:
        DeclarationError: It cannot.
    """
    if name is not None and not NAME.match(name):
        raise DeclarationError(
            f"'{name}' cannot name a node", hint="letters, digits and _, beginning with a letter", where=place
        )
    return name


def valid_access(text: str, place: str) -> Access:
    """Who may use a node, as it was written.

    Raises:
        DeclarationError: It is none of the known words.
    """
    try:
        return Access(text)
    except ValueError:
        raise DeclarationError(
            f"access='{text}' is not known", hint="private, protected or public", where=place
        ) from None


def valid_span(span: str | None) -> str | None:
    """The text of a span of time, if it is one.

    Raises:
        ValueError: It is not.
    """
    if span is not None:
        duration(span)
    return span
