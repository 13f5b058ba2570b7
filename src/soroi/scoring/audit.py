"""The look at a skops file before anything in it is made: only what is on the reviewed list may be named."""

from __future__ import annotations

import json
from typing import Any

import numpy.typing as npt

from soroi.base.errors import CorruptError, UnsafeArtefactError
from soroi.scoring.allowed import PARTIAL_OF, PLAIN, PROTOCOL
from soroi.scoring.arrays import read_array
from soroi.scoring.nodes import check_tree
from soroi.scoring.normal import SCHEMA, Node, children, encode, type_name

_FIELDS = frozenset({"__class__", "__module__", "__loader__", "__id__", "content"})
_MORE: dict[str, frozenset[str]] = {
    "DictNode": frozenset({"key_types"}),
    "NdArrayNode": frozenset({"type", "file", "shape"}),
    "TreeNode": frozenset({"__reduce__"}),
    "LossNode": frozenset({"__reduce__"}),
    "JsonNode": frozenset({"is_json"}),
}


def audit(members: dict[str, bytes], *, what: str, where: str | None = None) -> None:
    """Walk the whole schema of an archive and refuse what is not on the list or not sound.

    Args:
        members: File name → content.
        what: Name of the model, for messages.
        where: Place of its function, when it is being saved.

    Raises:
        UnsafeArtefactError: A type, function or loader is not on the reviewed list; the message names it.
        CorruptError: The schema or an array is not as soroi writes them.
    """
    try:
        schema = json.loads(members[SCHEMA])
        if schema.pop("protocol") != PROTOCOL:
            raise ValueError("another protocol of skops than the reviewed one")
        _Audit(members, what, where).node(schema)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CorruptError(f"{what}: the model file is not sound: {reason}", where=where) from error


class _Audit:
    """Walks a schema; remembers which ids and files were seen."""

    def __init__(self, members: dict[str, bytes], what: str, where: str | None) -> None:
        self.members = members
        self.what = what
        self.where = where
        self.seen: dict[int, bytes] = {}
        self.arrays: set[str] = set()

    def node(self, node: Node) -> None:
        loader, name = node["__loader__"], type_name(node)
        allowed = PLAIN.get(loader)
        if allowed is None or name not in allowed:
            self.refuse(name)
        if not set(node) <= _FIELDS | _MORE.get(loader, frozenset()) | {"protocol"}:
            raise ValueError(f"a {loader} with unknown fields")
        self.same_for_same_id(node)
        check = getattr(self, f"check_{loader.removesuffix('Node').lower()}", None)
        if check is not None:
            check(node)
        for inner in children(node):
            self.node(inner)

    def refuse(self, name: str) -> None:
        raise UnsafeArtefactError(
            f"{self.what}: the model holds {name}, which is not on the reviewed list of what may be loaded",
            hint="use estimators and functions of scikit-learn and NumPy that are on the list"
            " (soroi.scoring.allowed), or move that step into a features function",
            where=self.where,
            type=name,
        )

    def same_for_same_id(self, node: Node) -> None:
        """Two nodes of one id must be equal, for skops reads the first and never looks at the second."""
        if "__id__" in node:
            number = node["__id__"]
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(f"an object with the id {number!r}")
            if self.seen.setdefault(number, encode(node)) != encode(node):
                raise ValueError(f"two different objects with the id {number}")

    def read(self, name: str) -> npt.NDArray[Any]:
        if name not in self.members or name == SCHEMA:
            raise ValueError(f"no array '{name}'")
        return read_array(self.members[name])

    def check_ndarray(self, node: Node) -> None:
        if node["type"] == "numpy":
            if set(node) & {"content", "shape"}:
                raise ValueError("an array with two contents")
            if node["file"] not in self.arrays:
                self.read(node["file"])
                self.arrays.add(node["file"])
        elif node["type"] == "json":
            _all_nodes(node["content"])
            if "file" in node or type_name(node) != "numpy.ndarray":
                raise ValueError("an array of objects with a file")
            shape = node["shape"]
            if shape.get("__loader__") != "TupleNode":
                raise ValueError("an array whose shape is not a tuple")
        else:
            raise ValueError(f"an array of type {node['type']!r}")

    def check_dict(self, node: Node) -> None:
        types = node["key_types"]
        if types.get("__loader__") != "ListNode":
            raise ValueError("a dictionary without the types of its keys")
        if any(one.get("__loader__") != "TypeNode" for one in types["content"]):
            raise ValueError("a dictionary whose types of keys are not types")
        if not isinstance(node["content"], dict) or len(types["content"]) != len(node["content"]):
            raise ValueError("a dictionary with more keys than types of keys")
        _all_nodes(list(node["content"].values()))

    def check_json(self, node: Node) -> None:
        if isinstance(json.loads(node["content"]), dict | list):
            raise ValueError("a value that is not plain")  # noqa: TRY004  the file is wrong, not a caller

    def check_list(self, node: Node) -> None:
        _all_nodes(node["content"])

    check_tuple = check_set = check_list

    def check_slice(self, node: Node) -> None:
        content = node["content"]
        if set(content) != {"start", "stop", "step"} or not all(
            one is None or type(one) is int for one in content.values()
        ):
            raise ValueError("a slice of other than integers")

    def check_partial(self, node: Node) -> None:
        content = node["content"]
        _all_nodes([content[key] for key in ("func", "args", "kwds", "namespace")])
        func = content["func"]
        if func["__loader__"] != "FunctionNode" or type_name(func) not in PARTIAL_OF or "__id__" in func:
            self.refuse(f"functools.partial of {type_name(func)}")

    def check_loss(self, node: Node) -> None:
        args, state = node["__reduce__"]["args"], node["content"]
        if args.get("__loader__") != "TupleNode" or len(args["content"]) > 1 or state.get("content"):
            raise ValueError("a loss made from more than one number")
        for one in args["content"]:
            if one.get("__loader__") != "JsonNode" or not isinstance(json.loads(one["content"]), int | float):
                raise ValueError("a loss made from other than a number")

    def check_tree(self, node: Node) -> None:
        for part in (node["__reduce__"]["args"], node["content"]):
            _all_nodes([part])
        check_tree(node, self.read)


def _all_nodes(values: Any) -> None:
    if not isinstance(values, list) or not all(isinstance(one, dict) and "__loader__" in one for one in values):
        raise ValueError("something that is not an object where one must be")
