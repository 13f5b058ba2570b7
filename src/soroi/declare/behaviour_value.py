"""Values as canonical bytes: constants, defaults and what closures hold.

The encoding carries types, keys and lengths; sets are sorted by their encoding, mappings keep their order, because
a program can see it. Functions, classes and modules inside a value are written as links to what they are.
"""

from __future__ import annotations

import abc
import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import logging
import operator
import re
import string
import struct
import sys
import sysconfig
import types
import typing
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

SHOWN = 4000
"""Longest text of a value that is kept to show a difference, in characters."""

_CACHED: Any = functools._lru_cache_wrapper
_LOCKS = frozenset({"lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore"})
_PLAIN_REDUCED = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
_TYPING = (typing.TypeVar, typing.ParamSpec, typing.ForwardRef)
_SECRET = re.compile(r"(^|_)(key|token|secret|password|passwd|credential|credentials|auth)s?($|_)", re.IGNORECASE)


class UnencodableError(Exception):
    """A value has no encoding. The message says what it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wrapped:
    """A wrapper of the language or the standard library, taken apart."""

    kind: str
    """What it is, with its plain parameters."""

    inner: tuple[Any, ...]
    """What it holds."""


def wrapped_parts(value: Any) -> Wrapped | None:
    """Take apart a method, a static or class method, a property or a cached function; ``None`` for anything else."""
    if isinstance(value, types.MethodType):
        return Wrapped("method", (value.__func__, value.__self__))
    if isinstance(value, staticmethod | classmethod):
        return Wrapped(type(value).__name__, (value.__func__,))
    if isinstance(value, property):
        given = [name for name in ("fget", "fset", "fdel") if getattr(value, name) is not None]
        return Wrapped(f"property {given}", tuple(getattr(value, name) for name in given))
    if isinstance(value, functools.cached_property):
        return Wrapped("cached property", (value.func,))
    if isinstance(value, _CACHED):
        return Wrapped(f"cached {sorted(value.cache_parameters().items())}", (value.__wrapped__,))
    if isinstance(value, functools.singledispatchmethod):
        return Wrapped("dispatch", (value.dispatcher, value.func))
    return None


class ValueEncoder:
    """Encodes values.

    Args:
        link: What a function, class or module is, as text; ``None`` for other values.
        roots: Folders by name. A path below one is written relative to it, so that it is the same on all machines.
    """

    def __init__(self, link: Callable[[Any], str | None], roots: Mapping[str, str]) -> None:
        self._link = link
        self._roots = sorted(roots.items(), key=lambda one: (-len(one[1]), one[0]))
        self._open: list[int] = []

    def encode(self, value: Any) -> bytes:
        """The canonical bytes of a value.

        Raises:
            UnencodableError: The value, or something in it, has none.
        """
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain(self, value)
        if id(value) in self._open:
            return _sized("cycle", str(len(self._open) - self._open.index(id(value))).encode())
        self._open.append(id(value))
        try:
            return self._other(value)
        except RecursionError:
            raise UnencodableError("a value nested too deeply") from None
        finally:
            self._open.pop()

    def text(self, value: str) -> bytes:
        """A text; a path below a root without the root."""
        for name, root in self._roots:
            if value == root or value.startswith(root + "/"):
                return _sized("below " + name, value[len(root) :].encode("utf-8", "surrogatepass"))
        return _sized("str", value.encode("utf-8", "surrogatepass"))

    def sequence(self, tag: str, items: typing.Iterable[Any]) -> bytes:
        """Values in order."""
        parts = [self.encode(one) for one in items]
        return _sized(f"{tag} {len(parts)}", b"".join(parts))

    def mapping(self, value: Mapping[Any, Any]) -> bytes:
        """Keys and values in their order."""
        return self.sequence("dict", (part for item in value.items() for part in item))

    def unordered(self, value: typing.AbstractSet[Any]) -> bytes:
        """Members sorted by their encoding; functions and classes are reached in the order of their names."""
        code = sorted((one for one in value if hasattr(one, "__qualname__")), key=_code_name)
        if len({_code_name(one) for one in code}) < len(code):
            raise UnencodableError("a set with several functions of one name, which have no order")
        others = [one for one in value if not hasattr(one, "__qualname__")]
        return _sized(f"set {len(value)}", b"".join(sorted(self.encode(one) for one in [*code, *others])))

    def _class(self, value: Any) -> bytes:
        return _sized("of", (self._link(type(value)) or "?").encode())

    def _other(self, value: Any) -> bytes:
        link = self._link(value)
        if link is not None:
            return _sized("link", link.encode())
        for step in (self._container, self._standard, self._typing, self._record, self._library, self._subclass):
            found = step(value)
            if found is not None:
                return found
        kind = type(value)
        if kind is object or self._is_stateless(value):
            return self._class(value)
        raise UnencodableError(f"a {kind.__module__}.{kind.__qualname__}, which can change while the program runs")

    def _ours(self, kinds: typing.Iterable[type]) -> bool:
        return all((self._link(one) or "").startswith("class ") for one in kinds)

    def _is_stateless(self, value: Any) -> bool:
        """Whether an object is nothing but its class: all its classes are of the project, and it holds nothing."""
        kinds = [one for one in type(value).__mro__ if one not in _BARE]
        slots = any(getattr(one, "__slots__", ()) for one in kinds)
        return not slots and not getattr(value, "__dict__", None) and self._ours(kinds)

    def _container(self, value: Any) -> bytes | None:
        kind = type(value)
        if kind is list or kind is tuple:
            return self.sequence(kind.__name__, value)
        if kind is dict or kind is collections.OrderedDict or kind is types.MappingProxyType:
            return _sized(kind.__name__, self.mapping(value))
        if kind is set or kind is frozenset:
            return _sized(kind.__name__, self.unordered(value))
        if kind is collections.deque:
            return self.sequence("deque", [value.maxlen, *value])
        if kind is collections.defaultdict:
            return self.sequence("defaultdict", [value.default_factory, dict(value)])
        if kind is collections.Counter:
            return self.sequence("counter", [dict(value)])
        if kind is collections.ChainMap:
            return self.sequence("chainmap", value.maps)
        if kind is types.SimpleNamespace:
            return self.sequence("namespace", [vars(value)])
        return None

    def _standard(self, value: Any) -> bytes | None:
        reduced = _standard_parts(value)
        if reduced is not None:
            return self.sequence("value " + reduced[0], reduced[1:])
        if type(value) is functools.partial or type(value) is functools.partialmethod:
            return self.sequence(type(value).__name__, [value.func, value.args, value.keywords, vars_of(value)])
        parts = wrapped_parts(value)
        if parts is not None:
            return self.sequence(parts.kind, parts.inner)
        if isinstance(value, types.BuiltinMethodType | types.MethodWrapperType):
            return self.sequence("builtin method", [value.__self__, value.__name__])
        if type(value) in _PLAIN_REDUCED:
            return self.sequence(type(value).__name__, value.__reduce__()[1:])
        return None

    def _typing(self, value: Any) -> bytes | None:
        origin = typing.get_origin(value)
        if origin is not None:
            return self.sequence("alias", [origin, *typing.get_args(value)])
        if isinstance(value, typing.NewType):
            return self.sequence("newtype", [value.__name__, value.__supertype__])
        if isinstance(value, _TYPING) or type(value).__module__ == "typing":
            return _sized("typing", repr(value).encode())
        return None

    def _record(self, value: Any) -> bytes | None:
        kind = type(value)
        if isinstance(value, enum.Enum):
            return self._class(value) + self.sequence("member", [value.name, value.value])
        if dataclasses.is_dataclass(kind):
            if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
                raise UnencodableError(f"a {kind.__qualname__}, a dataclass that is not frozen")
            names = [one.name for one in dataclasses.fields(kind)]
        elif isinstance(value, tuple) and hasattr(kind, "_fields"):
            return self._class(value) + self.sequence("named", [*value, vars_of(value)])
        elif hasattr(kind, "__struct_config__"):
            if not kind.__struct_config__.frozen:
                raise UnencodableError(f"a {kind.__qualname__}, a Struct that is not frozen")
            names = list(kind.__struct_fields__)
        elif getattr(kind.__setattr__, "__name__", "") == "_frozen_setattrs":
            names = [one.name for one in kind.__attrs_attrs__]
        else:
            return None
        fields = [(name, getattr(value, name, None)) for name in names]
        for name, more in vars_of(value).items():
            if name not in names and not isinstance(getattr(kind, name, None), functools.cached_property):
                fields.append((name, more))
        return self._class(value) + self.sequence("record", fields)

    def _library(self, value: Any) -> bytes | None:
        module = type(value).__module__.partition(".")[0]
        if module == "numpy":
            return self._numpy(value)
        if module == "polars":
            return self._polars(value)
        return None

    def _numpy(self, value: Any) -> bytes | None:
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.dtype):
            return _sized("dtype", repr(value).encode())
        exact = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
        if exact and not value.dtype.hasobject:
            kind, flat = type(value).__name__, numpy.asarray(value)
            return self.sequence("array " + kind, [repr(value.dtype), list(flat.shape), flat.tobytes()])
        return None

    def _polars(self, value: Any) -> bytes | None:
        polars = sys.modules["polars"]
        if isinstance(value, polars.DataType):
            return self.sequence("dtype", [type(value).__name__, repr(value)])
        if isinstance(value, polars.Schema):
            return self.sequence("schema", list(value.items()))
        if isinstance(value, polars.Expr):
            return _sized("expression", _expression_bytes(value))
        if isinstance(value, polars.Series):
            return self.sequence("series", [value.name, value.dtype, value.to_list()])
        if isinstance(value, polars.DataFrame):
            return self.sequence("frame", [value.height, *value.get_columns()])
        return None

    def _subclass(self, value: Any) -> bytes | None:
        for base in (bool, int, float, str, bytes, tuple, list, dict, set, frozenset):
            if not isinstance(value, base):
                continue
            plain: Any = base
            kinds = [one for one in type(value).__mro__ if one not in _BARE and one is not base]
            if not self._ours(kinds):
                return None
            return self._class(value) + self.sequence("based on", [plain(value), vars_of(value)])
        return None


def vars_of(value: Any) -> dict[str, Any]:
    """The attributes that an object holds itself."""
    return dict(getattr(value, "__dict__", None) or {})


def _code_name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}:{value.__qualname__}"


_BARE = frozenset({object, abc.ABC, typing.Generic, typing.Protocol})


def _standard_parts(value: Any) -> list[Any] | None:
    kind = type(value)
    name = kind.__name__
    if kind in (datetime.datetime, datetime.time):
        return [name, value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo]
    if kind in (datetime.date,):
        return [name, value.isoformat()]
    if kind is datetime.timedelta:
        return [name, value.days, value.seconds, value.microseconds]
    if kind is datetime.timezone:
        return [name, value.utcoffset(None), value.tzname(None)]
    if kind is zoneinfo.ZoneInfo and value.key:
        return [name, value.key]
    if kind is decimal.Decimal:
        return [name, str(value)]
    if kind is fractions.Fraction:
        return [name, value.numerator, value.denominator]
    if kind is uuid.UUID:
        return [name, value.hex]
    if isinstance(value, PurePath) and kind.__module__.startswith("pathlib"):
        return ["path", value.as_posix()]
    if kind is re.Pattern:
        return [name, value.pattern, int(value.flags)]
    if kind in (range, slice):
        return [name, value.start, value.stop, value.step]
    if kind is struct.Struct:
        return [name, value.format]
    if kind is array.array:
        return [name, value.typecode, value.tolist()]
    if isinstance(value, string.Template) and kind is string.Template:
        return [name, value.template]
    if kind.__module__ == "ipaddress" and isinstance(value, ipaddress._IPAddressBase):
        return [name, str(value)]
    if isinstance(value, logging.Logger) and kind in (logging.Logger, logging.RootLogger):
        return ["logger", value.name]
    if name in _LOCKS and kind.__module__ in ("threading", "_thread", "_io"):
        return ["lock", name]
    return None


def _expression_bytes(value: Any) -> bytes:
    try:
        data = value.meta.serialize()
    except Exception:
        raise UnencodableError("a Polars expression that cannot be written down") from None
    if b"PLPYUDF" in data or b"cloudpickle" in data or b"python_udf" in data.lower():
        raise UnencodableError("a Polars expression that calls a Python function")
    return bytes(data)


def _sized(tag: str, data: bytes) -> bytes:
    return f"{tag}:{len(data)}:".encode() + data


def _number(tag: str) -> Callable[[ValueEncoder, Any], bytes]:
    return lambda _, value: _sized(tag, struct.pack(">d", value))


_PLAIN: dict[type, Callable[[ValueEncoder, Any], bytes]] = {
    type(None): lambda _, __: b"none:0:",
    type(...): lambda _, __: b"ellipsis:0:",
    type(NotImplemented): lambda _, __: b"notimplemented:0:",
    bool: lambda _, value: b"bool:1:1" if value else b"bool:1:0",
    int: lambda _, value: _sized("int", b"%x" % value),
    float: _number("float"),
    complex: lambda _, value: _sized("complex", struct.pack(">dd", value.real, value.imag)),
    str: lambda encoder, value: encoder.text(value),
    bytes: lambda _, value: _sized("bytes", value),
    bytearray: lambda _, value: _sized("bytearray", bytes(value)),
}


@functools.cache
def standard_roots() -> Mapping[str, str]:
    """Folders in which distributions are installed, by name."""
    return {name: sysconfig.get_path(name) for name in ("purelib", "platlib")}


def module_root(name: str, file: str | None) -> str | None:
    """The folder from which a module is imported, or ``None``."""
    if not file:
        return None
    path = Path(file)
    up = name.count(".") + (1 if path.stem == "__init__" else 0)
    folder = path.parents[up] if up < len(path.parents) else path.parent
    return None if folder == folder.parent else str(folder)


def shown(name: str, value: Any) -> str | None:
    """A text of a value, to show a difference; ``None`` when the name sounds like a secret."""
    if _SECRET.search(name):
        return None
    try:
        text = _shown(value)
    except Exception:
        text = f"<{type(value).__qualname__}>"
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    return f"{name} = " + (text if len(text) <= SHOWN else text[:SHOWN] + " …")


def _shown(value: Any) -> str:
    if isinstance(value, set | frozenset) and value:
        return f"{type(value).__name__}({sorted(map(repr, value))[:500]})"
    if type(value) is dict and len(value) > 1:
        return "{\n" + "".join(f"  {key!r}: {one!r},\n" for key, one in list(value.items())[:500]) + "}"
    if type(value) in (list, tuple) and len(value) > 1:
        return "[\n" + "".join(f"  {one!r},\n" for one in value[:500]) + "]"
    return repr(value)
