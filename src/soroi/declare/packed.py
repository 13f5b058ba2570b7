"""A graph and its fingerprints as bytes, to be kept between processes. Of functions only the names go along.

The bytes are read by this module alone, and hold nothing that could run: plain data, and the classes of declarations.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import msgspec

from soroi.base.digest import digest_bytes
from soroi.base.errors import CorruptError, RefusedError
from soroi.declare.behaviour_component import Component
from soroi.declare.edge import Edge, Role
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.declare.node import Access, Node, NodeId, NodeKind

_CLASSES = ("soroi.base.reason", "soroi.declare.", "soroi.rules.")
_PLAIN = (type(None), bool, int, float, str)
_DIGEST = 40
_LENGTH = 8


class CannotPackError(TypeError):
    """A declaration holds something that is not plain data."""


def pack(graph: Graph, fingerprints: Mapping[str, Fingerprint]) -> bytes:
    """A graph and the fingerprints of its nodes as bytes.

    Args:
        graph: The graph.
        fingerprints: The fingerprint of each of its nodes.

    Raises:
        CannotPackError: An option or parameter of a node is not plain data.
    """
    packer = _Packer()
    rows = [packer.node(node) for node in graph]
    prints = [packer.fingerprint(fingerprints[node.name]) for node in graph]
    head = {
        "objects": packer.objects,
        "nodes": rows,
        "families": packer.put(dict(graph.families)),
        "environments": packer.put(dict(graph.environments)),
        "prints": [one[0] for one in prints],
    }
    parts = [msgspec.msgpack.encode(head), *(one[1] for one in prints)]
    lengths = msgspec.msgpack.encode([len(one) for one in parts])
    body = b"".join([len(lengths).to_bytes(_LENGTH, "big"), lengths, *parts])
    return digest_bytes("packed", body).encode() + body


class Packed:
    """Reads what :func:`pack` wrote; what a difference is made of is read only when it is asked for.

    Args:
        data: The bytes.
        checked: Whether they are known to be what was written.

    Raises:
        CorruptError: They are not what was written.
    """

    def __init__(self, data: bytes | memoryview, *, checked: bool = False) -> None:
        self._data = memoryview(data)
        if not checked and digest_bytes("packed", self._data[_DIGEST:]).encode() != self._data[:_DIGEST]:
            raise CorruptError("the kept declarations are not as they were written")
        begin = _DIGEST + _LENGTH
        end = begin + int.from_bytes(self._data[_DIGEST:begin], "big")
        lengths = msgspec.msgpack.decode(self._data[begin:end])
        self._at = list(itertools.accumulate(lengths, initial=end))
        self._head = msgspec.msgpack.decode(self._part(0))
        self._values = _Unpacker(self._head["objects"]).values()

    def _part(self, index: int) -> memoryview:
        return self._data[self._at[index] : self._at[index + 1]]

    @cached_property
    def graph(self) -> Graph:
        """The graph. Its functions cannot be run: they were left behind."""
        values = self._values
        roles = {one.value: one for one in Role}
        kinds = {one.value: one for one in NodeKind}
        accesses = {one.value: one for one in Access}
        nodes = {}
        for name, part, kind, spec, edges, where, group, access, doc, parameters, end, has_function in self._head[
            "nodes"
        ]:
            made = Node(
                id=NodeId(name, part),
                kind=kinds[kind],
                spec=values[spec],
                edges=tuple([Edge(roles[role], producer, values[options]) for role, producer, options in edges]),
                function=_left_behind(name) if has_function else None,
                where=where,
                group=values[group],
                access=accesses[access],
                doc=doc,
                parameters=values[parameters],
                deprecation=values[end],
            )
            nodes[made.name] = made
        made_of = Graph(nodes, values[self._head["families"]], is_ordered=True)
        made_of.environments = values[self._head["environments"]]
        return made_of

    @cached_property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """The fingerprints of the nodes."""
        found = {}
        for index, (node, row) in enumerate(zip(self._head["nodes"], self._head["prints"], strict=True)):
            behaviour, described, upstream_behaviour, upstream_description, unknown, gates = row
            later = _Later(self, index + 1)
            made = Fingerprint(
                components=_LaterMapping(later, 0),
                description=_LaterMapping(later, 1),
                unknown=self._values[unknown],
                upstream_behaviour=upstream_behaviour,
                upstream_description=upstream_description,
                gates=gates or {},
            )
            made.__dict__["behaviour"] = behaviour  # what the cached properties would find
            made.__dict__["description_digest"] = described
            found[node[0] if node[1] is None else str(NodeId(node[0], node[1]))] = made
        return found

    def details(self, index: int) -> tuple[dict[str, Component], dict[str, Any]]:
        """The components and the description of one fingerprint."""
        components, description = msgspec.msgpack.decode(self._part(index))
        return {key: Component(*parts) for key, *parts in components}, description


class _Later:
    """The details of a fingerprint, read when they are first asked for."""

    def __init__(self, packed: Packed, index: int) -> None:
        self._packed = packed
        self._index = index

    @cached_property
    def parts(self) -> tuple[dict[str, Component], dict[str, Any]]:
        return self._packed.details(self._index)


class _LaterMapping(Mapping[str, Any]):
    def __init__(self, later: _Later, part: int) -> None:
        self._later = later
        self._at = part

    def _held(self) -> Mapping[str, Any]:
        return self._later.parts[self._at]

    def __getitem__(self, key: str) -> Any:
        return self._held()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __len__(self) -> int:
        return len(self._held())

    def __repr__(self) -> str:
        return repr(self._held())


class _Packer:
    """Writes values; equal ones are written once."""

    def __init__(self) -> None:
        self.objects: list[Any] = []
        self._known: dict[bytes, int] = {}

    def put(self, value: Any) -> int:
        """The number under which a value is written."""
        made = self._plain(value)
        key = msgspec.msgpack.encode(made)
        if key not in self._known:
            self._known[key] = len(self.objects)
            self.objects.append(made)
        return self._known[key]

    def node(self, node: Node) -> list[Any]:
        edges = [[edge.role.value, edge.producer, self.put(dict(edge.options))] for edge in node.edges]
        head = [node.id.name, node.id.part, node.kind.value, self.put(node.spec), edges, node.where]
        rest = [self.put(node.group), node.access.value, node.doc, self.put(dict(node.parameters))]
        return [*head, *rest, self.put(node.deprecation), node.function is not None]

    def fingerprint(self, one: Fingerprint) -> tuple[list[Any], bytes]:
        upstream = [one.upstream_behaviour, one.upstream_description]
        row = [one.behaviour, one.description_digest, *upstream, self.put(one.unknown), dict(one.gates) or None]
        components = [
            [key, part.digest, part.kind, part.label, part.source, part.via] for key, part in one.components.items()
        ]
        try:
            return row, msgspec.msgpack.encode([components, dict(one.description)])
        except TypeError as error:
            raise CannotPackError(str(error)) from None

    def _plain(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if type(value) is tuple:
            return ["t", [self._plain(one) for one in value]]
        if type(value) is list:
            return ["l", [self._plain(one) for one in value]]
        if isinstance(value, enum.Enum) and _is_ours(type(value)):
            return ["e", _path(type(value)), value.value]
        if isinstance(value, Mapping):
            return ["d", [[self._plain(key), self._plain(one)] for key, one in value.items()]]
        if isinstance(value, timedelta):
            return ["s", value.days, value.seconds, value.microseconds]
        if type(value) is date:
            return ["y", value.isoformat()]
        if dataclasses.is_dataclass(type(value)) and _is_ours(type(value)):
            fields = [self._plain(getattr(value, one.name)) for one in dataclasses.fields(value)]
            return ["o", _path(type(value)), fields]
        if callable(value) and hasattr(value, "__name__"):
            return ["f", value.__name__]
        raise CannotPackError(f"a {type(value).__qualname__} is not plain data")


class _Unpacker:
    """Reads values; each is made once."""

    def __init__(self, objects: list[Any]) -> None:
        self._objects = objects
        self._made: dict[int, Any] = {}
        self._classes: dict[str, Any] = {}

    def values(self) -> list[Any]:
        """All values, by number."""
        return [self.value(number) for number in range(len(self._objects))]

    def value(self, number: int) -> Any:
        if number not in self._made:
            self._made[number] = self._read(self._objects[number])
        return self._made[number]

    def _read(self, made: Any) -> Any:
        if not isinstance(made, list):
            return made
        tag = made[0]
        if tag == "t":
            return tuple([self._read(one) for one in made[1]])
        if tag == "l":
            return [self._read(one) for one in made[1]]
        if tag == "d":
            return {self._read(key): self._read(one) for key, one in made[1]}
        if tag == "o":
            return self._class(made[1])(*[self._read(one) for one in made[2]])
        if tag == "e":
            return self._class(made[1])(made[2])
        if tag == "s":
            return timedelta(*made[1:])
        if tag == "y":
            return date.fromisoformat(made[1])
        return _left_behind(made[1])

    def _class(self, path: str) -> Any:
        found = self._classes.get(path)
        if found is None:
            module, _, name = path.partition(":")
            if not path.startswith(_CLASSES):
                raise CorruptError(f"the kept declarations name {path}, which is not one of soroi's own")
            found = getattr(importlib.import_module(module), name)
            if not (dataclasses.is_dataclass(found) or issubclass(found, enum.Enum)):
                raise CorruptError(f"the kept declarations name {path}, which is not data")
            self._classes[path] = found
        return found


def _is_ours(kind: type) -> bool:
    return _path(kind).startswith(_CLASSES) and "." not in kind.__qualname__


def _path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _left_behind(name: str) -> Callable[..., Any]:
    def function(*_args: Any, **_options: Any) -> Any:
        raise RefusedError(f"the code of '{name}' was not loaded", hint="use Project.code, which loads it")

    function.__name__ = function.__qualname__ = name
    return function
