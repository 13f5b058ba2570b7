"""References: what a piece of code takes from outside, as records."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reference:
    """A name taken from outside, and the attributes asked of it."""

    name: str
    """The name."""

    attributes: tuple[str, ...] = ()
    """Attributes asked of it, outermost last."""

    called: bool = False
    """Whether the whole chain is called."""

    argument: str | None = None
    """The first argument of the call, when it is a constant text."""

    dynamic: bool = False
    """Whether an attribute of it is asked by a name known only when it runs."""

    soft: bool = False
    """Whether it may be missing without harm: in annotations, and where it may be a local name after all."""

    line: int = field(default=0, compare=False)
    """Line of its first use, for messages."""

    @property
    def text(self) -> str:
        """The chain as written."""
        return ".".join((self.name, *self.attributes))


@dataclass(frozen=True, slots=True)
class ImportReference:
    """Something imported in the body of a function or class, and the attributes asked of it."""

    module: str
    """Module, as written; empty for ``from . import name``."""

    level: int
    """Number of leading dots."""

    name: str | None
    """Name taken from the module; ``None`` for a plain import."""

    attributes: tuple[str, ...] = ()
    """Attributes asked of what was imported."""

    called: bool = False
    """Whether the whole chain is called."""

    argument: str | None = None
    """The first argument of the call, when it is a constant text."""

    dynamic: bool = False
    """Whether an attribute of it is asked by a name known only when it runs."""

    line: int = field(default=0, compare=False)
    """Line of the import, for messages."""

    @property
    def text(self) -> str:
        """What is imported, as written."""
        return "." * self.level + ".".join((self.module, *([self.name] if self.name else []), *self.attributes))

    @property
    def inner(self) -> tuple[str, ...]:
        """What is asked of the module: the name taken from it, and the attributes of that."""
        return (*([self.name] if self.name else []), *self.attributes)


@dataclass(frozen=True, slots=True)
class Names:
    """All that a piece of code takes from outside."""

    references: tuple[Reference, ...]
    """Free names in the order of their first use, each chain once."""

    imports: tuple[ImportReference, ...]
    """Imports in bodies."""

    attributes: frozenset[str]
    """Every attribute name asked of anything."""

    reads_docs: bool
    """Whether it may read docstrings."""

    reads_annotations: bool
    """Whether it may read annotations."""
