"""One normal form for what skops writes, so that equal models have equal bytes.

skops identifies objects by their memory address and names array files after it. Here:

* objects that change (dictionaries, lists, arrays, instances) keep an id only when several places share
  them, counted up in the order of first use, so sharing survives loading;
* values that never change (numbers, text, tuples, types, functions) carry no id: whether two equal ones are
  one object is an accident of interning;
* equal arrays share one file, named by order of first use, with zeroed padding;
* sets are sorted, since their order follows the hash seed of the process;
* attributes of :data:`soroi.scoring.allowed.DROPPED` are left out;
* the version of skops is left out, the protocol stays.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from soroi.scoring.allowed import DROPPED
from soroi.scoring.archive import pack
from soroi.scoring.arrays import tidy_array

SCHEMA = "schema.json"
"""Name of the member that describes the tree of objects."""

_SHARED = frozenset({"DictNode", "ListNode", "SetNode", "ObjectNode", "TreeNode", "RandomStateNode"})

Node = dict[str, Any]
"""A node of the schema: one object of the model."""


def normalise(members: dict[str, bytes]) -> bytes:
    """The archive in normal form of what skops wrote.

    Args:
        members: File name → content, with ``schema.json``.

    Raises:
        ValueError: The schema or an array is not as skops writes them.
    """
    schema = json.loads(members[SCHEMA])
    schema.pop("_skops_version", None)
    _drop(schema)
    counts: Counter[int] = Counter()
    _count(schema, counts)
    work = _Rewrite(members, counts)
    work.node(schema)
    return pack({SCHEMA: encode(schema), **work.files})


def encode(value: Any) -> bytes:
    """JSON as bytes, in the order given, ASCII only."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def children(node: Node) -> list[Node]:
    """The nodes directly inside a node, in a fixed order."""
    found: list[Node] = []
    for key, value in node.items():
        if key != "__id__":
            _collect(value, found)
    return found


def _collect(value: Any, found: list[Node]) -> None:
    if isinstance(value, dict):
        if "__loader__" in value:
            found.append(value)
        else:
            for inner in value.values():
                _collect(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)


def type_name(node: Node) -> str:
    """Full name of the class or function a node names."""
    return f"{node['__module__']}.{node['__class__']}"


def _drop(node: Node) -> None:
    for inner in children(node):
        _drop(inner)
    unwanted = DROPPED.get(type_name(node))
    state = node.get("content")
    if unwanted and isinstance(state, dict) and state.get("__loader__") == "DictNode":
        keys = list(state["content"])
        kept = [at for at, key in enumerate(keys) if key not in unwanted]
        state["key_types"]["content"] = [state["key_types"]["content"][at] for at in kept]
        state["content"] = {keys[at]: state["content"][keys[at]] for at in kept}


def _count(node: Node, counts: Counter[int]) -> None:
    if _shareable(node):
        counts[node["__id__"]] += 1
    for inner in children(node):
        _count(inner, counts)


def _shareable(node: Node) -> bool:
    if "__id__" not in node:
        return False
    return node["__loader__"] in _SHARED or (node["__loader__"] == "NdArrayNode" and type_name(node) == "numpy.ndarray")


class _Rewrite:
    """Walks a schema once, renumbering ids and array files in place."""

    def __init__(self, members: dict[str, bytes], counts: Counter[int]) -> None:
        self.members = members
        self.counts = counts
        self.ids: dict[int, int] = {}
        self.names: dict[bytes, str] = {}
        self.files: dict[str, bytes] = {}

    def node(self, node: Node) -> None:
        old = node.pop("__id__", None)
        node["__id__"] = old  # last, wherever it stood
        if old is None or not _shareable(node) or self.counts[old] < 2:
            del node["__id__"]
        else:
            node["__id__"] = self.ids.setdefault(old, len(self.ids) + 1)
        for inner in children(node):
            self.node(inner)
        if "file" in node:
            node["file"] = self.file(node["file"])
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=encode)
        if node["__loader__"] == "DictNode":
            _repair_bool_keys(node)

    def file(self, name: str) -> str:
        data = self.members[name]
        if name.endswith(".npy"):
            data = tidy_array(data)
        if data not in self.names:
            self.names[data] = f"{len(self.names)}{name[name.rindex('.') :]}"
            self.files[self.names[data]] = data
        return self.names[data]


def _repair_bool_keys(node: Node) -> None:
    """Write the key ``False`` as ``""``, for skops reads keys as ``bool(text)`` and JSON says ``"false"``."""
    types = [type_name(one) for one in node["key_types"]["content"]]
    if "builtins.bool" in types:
        pairs = zip(types, node["content"].items(), strict=True)
        node["content"] = {
            "" if (kind, key) == ("builtins.bool", "false") else key: value for kind, (key, value) in pairs
        }
