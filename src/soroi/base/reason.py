"""Explanations are trees of reasons. One tree; text, JSON and pages each render it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, with the reasons behind it."""

    kind: str
    """Category for machines: ``code``, ``parameter``, ``policy``, ``environment``, ``data``, ``upstream``, ``behind``,
    ``access``, ``gate``, ``missing``…"""

    text: str
    """One sentence for people."""

    subject: str | None = None
    """What the reason is about, usually a node id or a version id."""

    because: tuple[Reason, ...] = ()
    """The reasons behind this one."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON-encodable facts."""

    def walk(self) -> Iterator[Reason]:
        """This reason and all behind it, depth first."""
        yield self
        for child in self.because:
            yield from child.walk()

    def lines(self, indent: int = 0) -> Iterator[str]:
        """The tree as indented lines of text."""
        yield "  " * indent + self.text
        for child in self.because:
            yield from child.lines(indent + 1)

    def to_dict(self) -> dict[str, Any]:
        """The tree as JSON-encodable data."""
        body: dict[str, Any] = {"kind": self.kind, "text": self.text, "subject": self.subject}
        if self.facts:
            body["facts"] = dict(self.facts)
        if self.because:
            body["because"] = [child.to_dict() for child in self.because]
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Reason:
        """Read what :meth:`to_dict` wrote."""
        because = tuple(cls.from_dict(one) for one in body.get("because", ()))
        return cls(body["kind"], body["text"], body.get("subject"), because, dict(body.get("facts", {})))
