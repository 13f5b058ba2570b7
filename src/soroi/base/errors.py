"""Errors as data: a stable code, the thing, the place and the remedy.

Every error soroi raises on purpose is a :class:`SoroiError`. Narrow subclasses also inherit the closest
builtin, so that ``except FileNotFoundError`` does what a reader expects.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar


class SoroiError(Exception):
    """Base of every error that soroi raises on purpose.

    Args:
        message: What is wrong, naming the thing.
        hint: What to do next, as a sentence or a command. ``None`` when nothing can be advised.
        where: Place of the cause, ``file:line`` when it is known.
        **fields: Further facts for machines, shown by ``--json``. Must be JSON-encodable.
    """

    code: ClassVar[str] = "error"
    """Stable identifier of the kind of error."""

    exit_code: ClassVar[int] = 1
    """Exit status of a command that ends with this error."""

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.fields = fields

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.where, self.fields))

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON-encodable data: code, message, hint, where, and its fields."""
        body = {"code": self.code, "message": self.message, "hint": self.hint, "where": self.where}
        return {**body, **self.fields}


def _rebuild(
    kind: type[SoroiError], message: str, hint: str | None, where: str | None, fields: dict[str, Any]
) -> SoroiError:
    return kind(message, hint=hint, where=where, **fields)


class DeclarationError(SoroiError, ValueError):
    """A declaration is wrong: found when the project is loaded, before anything runs."""

    code = "declaration"
    exit_code = 2


class UnknownNameError(SoroiError, LookupError):
    """A name (node, version, manifest, template…) that is not there."""

    code = "unknown-name"
    exit_code = 2


class ConfigError(SoroiError, ValueError):
    """``soroi.toml`` is missing or says something that cannot be."""

    code = "config"
    exit_code = 2


class DataError(SoroiError, ValueError):
    """Data read from a source or made by a function is not what was declared."""

    code = "data"


class MissingFileError(SoroiError, FileNotFoundError):
    """A file that was named is not there."""

    code = "missing-file"


class StoreError(SoroiError, OSError):
    """The catalogue, the object store or the answers log could not do what was asked."""

    code = "store"


class StorageFullError(StoreError):
    """No space is left where the store writes. Nothing that was acknowledged is lost."""

    code = "storage-full"


class CorruptError(StoreError):
    """Stored bytes are not what their digest says. Found before use; nothing was done with them."""

    code = "corrupt"


class CollectedError(CorruptError):
    """Bytes were removed because nothing needed them. Who, when and how to build them again is in the message."""

    code = "collected"


class ConflictError(SoroiError):
    """Somebody else was first: a head or the staging moved since it was read."""

    code = "conflict"
    exit_code = 4


class BuildError(SoroiError, RuntimeError):
    """Building a node failed."""

    code = "build"


class OutOfStepError(SoroiError):
    """A set cannot be sealed or released because some of it is behind."""

    code = "out-of-step"
    exit_code = 3


class RefusedError(SoroiError):
    """An action is not allowed as things stand (a gate, a check at load, a policy)."""

    code = "refused"
    exit_code = 3


class ForbiddenError(RefusedError, PermissionError):
    """Somebody may not do this here: names who, what, which role would allow it, and whom to ask."""

    code = "forbidden"


class UnsafeArtefactError(RefusedError):
    """An artefact would need code that is not on the reviewed list in order to be loaded."""

    code = "unsafe-artefact"


class RequestError(SoroiError, ValueError):
    """A request for a decision is malformed. The fields name the row and the field."""

    code = "request"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint naming the nearest known names, or the known names when few, or ``None``."""
    options = sorted(set(known))
    near = difflib.get_close_matches(name, options, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(f"'{one}'" for one in near) + "?"
    if options and len(options) <= 12:
        return "known: " + ", ".join(options)
    return None
