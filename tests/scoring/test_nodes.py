"""Native trees made to lead predict out of its memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from soroi.base.errors import CorruptError
from soroi.scoring import SavedModel, load_model, save_model
from soroi.scoring.archive import pack, unpack
from soroi.scoring.arrays import read_array
from soroi.scoring.normal import children


def find(schema: dict[str, Any], loader: str) -> dict[str, Any]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if one["__loader__"] == loader:
            return one
        waiting += children(one)
    raise AssertionError(loader)


def _bytes(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _set(field: str, value: int, at: int = 0) -> Callable[[Any], Any]:
    def change(nodes: Any) -> Any:
        nodes[field][at] = value
        return nodes

    return change


@pytest.fixture(scope="module")
def tree(data: Any) -> SavedModel:
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(data.numeric, data.y)
    return save_model(model, where="x")


def _hostile(saved: SavedModel, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> SavedModel:
    members = unpack(saved.files["model.skops"], what="x")
    schema = json.loads(members["schema.json"])
    change(find(schema, "TreeNode"), members)
    members["schema.json"] = json.dumps(schema).encode()
    return SavedModel("skops", {"model.skops": pack(members)})


NODES: dict[str, Callable[[Any], Any]] = {
    "a child after the end": _set("left_child", 10**6),
    "a negative child": _set("right_child", -5),
    "a child that is its own parent": _set("left_child", 0),
    "a feature after the end": _set("feature", 2),
    "a negative feature": _set("feature", -1),
    "a leaf with one child": _set("right_child", 1, at=-1),
    "no nodes": lambda nodes: nodes[:0],
    "fewer nodes than counted": lambda nodes: nodes[:-1],
    "nodes of another type": lambda nodes: np.zeros(len(nodes)),
    "nodes in two dimensions": lambda nodes: nodes.reshape(1, -1),
}


@pytest.mark.parametrize("name", NODES)
def test_unsound_nodes_are_corrupt(name: str, tree: SavedModel) -> None:
    def change(node: dict[str, Any], members: dict[str, bytes]) -> None:
        file = node["content"]["content"]["nodes"]["file"]
        members[file] = _bytes(NODES[name](read_array(members[file]).copy()))

    with pytest.raises(CorruptError, match="sound"):
        load_model(_hostile(tree, change), what="late@1")


def _no_outputs(node: dict[str, Any]) -> None:
    node["__reduce__"]["args"]["content"][2]["content"] = "4"


COUNTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "more outputs than class counts": _no_outputs,
    "no features": lambda n: n["__reduce__"]["args"]["content"][0].update(content="0"),
    "a feature count beyond belief": lambda n: n["__reduce__"]["args"]["content"][0].update(content="1e99"),
    "more features than integers hold": lambda n: n["__reduce__"]["args"]["content"][0].update(content=str(2**70)),
    "more nodes than there are": lambda n: n["content"]["content"]["node_count"].update(content="1000"),
    "a negative depth": lambda n: n["content"]["content"]["max_depth"].update(content="-1"),
    "a depth beyond the nodes": lambda n: n["content"]["content"]["max_depth"].update(content="99999999"),
    "two arguments": lambda n: n["__reduce__"]["args"]["content"].pop(),
    "an array that is no array": lambda n: n["__reduce__"]["args"]["content"].__setitem__(
        1, n["__reduce__"]["args"]["content"][0]
    ),
    "arguments shared with another object": lambda n: n["__reduce__"]["args"].update(__id__=1),
    "no values": lambda n: n["content"]["content"].pop("values"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_unsound_counts_are_corrupt(name: str, tree: SavedModel) -> None:
    with pytest.raises(CorruptError):
        load_model(_hostile(tree, lambda node, _: COUNTS[name](node) and None), what="late@1")


def test_values_of_another_shape_are_corrupt(tree: SavedModel) -> None:
    def change(node: dict[str, Any], members: dict[str, bytes]) -> None:
        file = node["content"]["content"]["values"]["file"]
        members[file] = _bytes(read_array(members[file])[:, :, :1])

    with pytest.raises(CorruptError, match="values"):
        load_model(_hostile(tree, change), what="late@1")
