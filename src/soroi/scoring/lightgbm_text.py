"""Checks of LightGBM's text format, whose reader believes the indices it is given."""

from __future__ import annotations

import itertools

_COUNTED = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


def check_text(text: str) -> int:
    """Check every tree of a model in LightGBM's text format.

    Returns:
        How many features the model takes.

    Raises:
        ValueError: The text is not sound: a child that is missing or not after its parent, a feature out of
            range, an array of the wrong length, a wrong offset, or a linear tree.
    """
    start, close = text.find("\nTree=0\n") + 1, text.find("end of trees")
    if start < 1 or close < start or not text.startswith("tree\n"):
        raise ValueError("no trees")
    header = _fields(text[:start])
    features = int(header["max_feature_idx"]) + 1
    if not 1 <= features <= 2**31 - 1 or len(header["feature_names"].split(" ")) != features:
        raise ValueError("the count of features")
    if int(header["num_class"]) != 1 or int(header["num_tree_per_iteration"]) != 1:
        raise ValueError("more than one score per row")
    blocks = _blocks(text[start:close])
    if [int(size) for size in header["tree_sizes"].split()] != [len(block.encode()) for block in blocks]:
        raise ValueError("the sizes of the trees")
    for index, block in enumerate(blocks):
        _check_tree(_fields(block), index, features)
    return features


def tree_fields(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The fields of the header and of each tree of a text that was checked."""
    start, close = text.find("\nTree=0\n") + 1, text.find("end of trees")
    return _fields(text[:start]), [_fields(block) for block in _blocks(text[start:close])]


def _blocks(text: str) -> list[str]:
    parts = text.split("Tree=")
    if parts[0]:
        raise ValueError("something before the trees")
    return ["Tree=" + part for part in parts[1:]]


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            if key in found:
                raise ValueError(f"'{key}' twice")
            found[key] = value
    return found


def _check_tree(tree: dict[str, str], index: int, features: int) -> None:
    leaves, cats = int(tree["num_leaves"]), int(tree["num_cat"])
    if int(tree["Tree"]) != index or leaves < 1 or int(tree["is_linear"]) != 0:
        raise ValueError(f"tree {index}: its number, leaves or kind")
    if len(_floats(tree["leaf_value"])) != leaves:
        raise ValueError(f"tree {index}: its leaves")
    if leaves == 1:
        return
    splits = leaves - 1
    if any(len(tree[key].split()) != splits for key in _COUNTED):
        raise ValueError(f"tree {index}: its splits")
    if not all(0 <= one < features for one in _ints(tree["split_feature"])):
        raise ValueError(f"tree {index}: its features")
    for side in ("left_child", "right_child"):
        for at, child in enumerate(_ints(tree[side])):
            if not (at < child < splits if child >= 0 else ~child < leaves):
                raise ValueError(f"tree {index}: its child indices")
    _check_categories(tree, index, cats)


def _check_categories(tree: dict[str, str], index: int, cats: int) -> None:
    decisions = [one & 1 for one in _ints(tree["decision_type"])]
    thresholds = _floats(tree["threshold"])
    bounds = _ints(tree["cat_boundaries"]) if cats else [0]
    words = _ints(tree["cat_threshold"]) if cats else []
    steps = itertools.pairwise(bounds)
    if cats < 0 or len(bounds) != cats + 1 or bounds[0] != 0 or any(low > high for low, high in steps):
        raise ValueError(f"tree {index}: its categories")
    if bounds[-1] != len(words):
        raise ValueError(f"tree {index}: its categories")
    for categorical, threshold in zip(decisions, thresholds, strict=True):
        if categorical and not (threshold == int(threshold) and 0 <= threshold < cats):
            raise ValueError(f"tree {index}: its categorical splits")


def _ints(text: str) -> list[int]:
    return [int(one) for one in text.split()]


def _floats(text: str) -> list[float]:
    return [float(one) for one in text.split()]
