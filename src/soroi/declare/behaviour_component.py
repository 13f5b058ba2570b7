"""What the behaviour of a function consists of, as plain records that can be stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from soroi.base.digest import digest
from soroi.base.reason import Reason

ComponentKind = Literal[
    "code",
    "helper",
    "class",
    "constant",
    "closure",
    "default",
    "decorator",
    "library",
    "file",
    "option",
    "parameter",
]
"""What a component is: the function itself, something of the project that it reaches, a library, or what was
declared beside it (an option, a hyper-parameter)."""

FORMAT = "behaviour/1"
"""Version of what is digested and how. Behaviours of different formats cannot be compared by their digests."""

KINDS: frozenset[str] = frozenset(get_args(ComponentKind))


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that decides what a function does."""

    digest: str
    """Digest of it, 40 hexadecimal characters. Without paths and line numbers."""

    kind: str
    """What it is, one of :data:`ComponentKind`."""

    label: str
    """Its name and place for people, such as ``clean() in text.py``."""

    source: str | None = None
    """Its text, to show a difference: source code, a value, a version. ``None``: not to be shown."""

    via: str | None = None
    """How it is reached first, such as ``called by `wording```. ``None`` for the function itself."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for storage."""
        return {
            "digest": self.digest,
            "kind": self.kind,
            "label": self.label,
            "source": self.source,
            "via": self.via,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Component:
        """Read what :meth:`to_dict` wrote.

        Raises:
            ValueError: The kind is not known, or the digest is missing.
        """
        kind, text = body.get("kind"), body.get("digest")
        if kind not in KINDS or not isinstance(text, str):
            raise ValueError(f"{dict(body)!r} is not a component of a behaviour")
        return cls(text, kind, str(body.get("label", "")), body.get("source"), body.get("via"))


@dataclass(frozen=True)
class Behaviour:
    """All that decides what a function does, as far as it could be found out."""

    components: Mapping[str, Component]
    """The components by key. Keys are qualified by module, so equal names in two modules stay apart."""

    unknown: tuple[Reason, ...] = field(default=())
    """What could not be found out, with its place and remedy. Not empty: never call it fresh."""

    @cached_property
    def digest(self) -> str:
        """Digest over the keys and digests of the components, 40 hexadecimal characters."""
        return digest("behaviour", {key: one.digest for key, one in self.components.items()})

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for storage."""
        return {
            "format": FORMAT,
            "digest": self.digest,
            "components": {key: one.to_dict() for key, one in self.components.items()},
            "unknown": [one.to_dict() for one in self.unknown],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Behaviour:
        """Read what :meth:`to_dict` wrote.

        Raises:
            ValueError: A component is malformed.
        """
        components = {key: Component.from_dict(one) for key, one in body["components"].items()}
        return cls(components, tuple(Reason.from_dict(one) for one in body.get("unknown", ())))
