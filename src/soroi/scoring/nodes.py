"""Checks of native trees as a file describes them, before any is made.

``sklearn.tree._tree.Tree`` follows node indices without checking them, so a made-up file could lead it out
of its memory. A tree is accepted when every child comes after its parent (as every builder numbers them, so
that walking ends), every split names a feature the tree has, and every array has the size it must have.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from soroi.scoring.normal import Node

Read = Callable[[str], npt.NDArray[Any]]
"""Reads the array file of a name, checked; ValueError when it is no such array."""

LARGEST = 2**31 - 1
"""Largest count of features, classes or outputs that is believed."""


def check_tree(node: Node, read: Read) -> None:
    """Check the node of a native tree.

    Raises:
        ValueError: The tree is not sound; the message says in what.
    """
    from sklearn.tree._tree import NODE_DTYPE

    args = node["__reduce__"]["args"]
    if args.get("__loader__") != "TupleNode" or len(args["content"]) != 3 or "__id__" in args:
        raise ValueError("a tree is made from other than three values")
    features, classes, outputs = args["content"]
    n_features, n_outputs = number(features), number(outputs)
    n_classes = array(classes, read)
    _demand(n_classes.dtype == np.intp and n_classes.shape == (n_outputs,), "class counts")
    _demand(bool((n_classes >= 1).all() and (n_classes <= LARGEST).all()), "class counts")
    state = node["content"]
    _demand(state.get("__loader__") == "DictNode", "state")
    _demand(set(state["content"]) == {"max_depth", "node_count", "nodes", "values"}, "state")
    content = state["content"]
    nodes, values = array(content["nodes"], read), array(content["values"], read)
    _demand(number(content["max_depth"], least=0) <= len(nodes), "depth")
    _demand(nodes.dtype == NODE_DTYPE and nodes.ndim == 1 and nodes.size >= 1, "nodes")
    _demand(number(content["node_count"]) == len(nodes), "count of nodes")
    _demand(values.dtype == np.float64, "values")
    _demand(values.shape == (len(nodes), n_outputs, int(n_classes.max())), "values")
    check_children(nodes["left_child"], nodes["right_child"], nodes["left_child"] == -1)
    split = nodes["left_child"] != -1
    _demand(bool((nodes["right_child"][~split] == -1).all()), "leaves")
    used = nodes["feature"][split]
    _demand(bool(((used >= 0) & (used < n_features)).all()), "features")


def check_children(left: npt.NDArray[Any], right: npt.NDArray[Any], leaf: npt.NDArray[Any]) -> None:
    """Check that the children of every node that splits come after it and exist.

    Raises:
        ValueError: One does not.
    """
    at = np.flatnonzero(~leaf.astype(bool))
    for child in (left[at].astype(np.int64), right[at].astype(np.int64)):
        _demand(bool(((child > at) & (child < len(leaf))).all()), "child indices")


def number(node: Node, least: int = 1) -> int:
    """The integer a node holds.

    Raises:
        ValueError: It is no integer from ``least`` to :data:`LARGEST`.
    """
    if node.get("__loader__") == "NdArrayNode" or "__id__" in node:
        raise ValueError("a tree's count is not a plain integer")
    value = json.loads(node["content"])
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise ValueError(f"a tree's count is {value!r}")
    return value


def array(node: Node, read: Read) -> npt.NDArray[Any]:
    """The array a node holds.

    Raises:
        ValueError: It holds none.
    """
    if node.get("__loader__") != "NdArrayNode" or node.get("type") != "numpy":
        raise ValueError("a tree's array is not an array")
    return read(node["file"])


def _demand(sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(f"a tree's {what} are not sound")
