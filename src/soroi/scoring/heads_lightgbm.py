"""LightGBM's trees, from its own text format, as one sequence of nodes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from soroi.scoring.heads_trees import Planter
from soroi.scoring.lightgbm_text import tree_fields
from soroi.scoring.program import IN_SET, MISSING_LEFT, NAN_IS_ZERO, ZERO_IS_MISSING, Link, Number, Part
from soroi.scoring.symbols import NotCompiled

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_IS_ZERO, _MISSING_IS_NAN = 1, 2


def lightgbm_part(text: str) -> Part:
    """The sum of a LightGBM model, with what is made of it.

    Args:
        text: The model in LightGBM's text format, checked by :func:`soroi.scoring.lightgbm_text.check_text`.

    Raises:
        NotCompiled: Its objective is not known.
    """
    header, trees = tree_fields(text)
    planter = Planter()
    for tree in trees:
        _plant(planter, tree)
    slots: list[Any] = [Number(place) for place in range(int(header["max_feature_idx"]) + 1)]
    of = planter.forest(0.0, slots, single=False, nan=True, infinite=True)
    links = [Link("divide", float(len(trees)))] if "\naverage_output\n" in text else []
    return Part(of, [*links, *_links(header["objective"])])


def _links(objective: str) -> list[Link]:
    kind, *options = objective.split()
    if kind == "binary":
        (slope,) = (one.removeprefix("sigmoid:") for one in options if one.startswith("sigmoid:"))
        return [Link("logistic", float(slope))]
    if kind in ("poisson", "gamma", "tweedie"):
        return [Link("exp")]
    if "sqrt" in options:
        return [Link("signed_square")]
    if kind in ("regression", "regression_l1", "huber", "fair", "quantile", "mape"):
        return []
    raise NotCompiled(f"the objective '{kind}' is not compiled")


def _plant(planter: Planter, tree: dict[str, str]) -> None:
    leaves = [float(one) for one in tree["leaf_value"].split()]
    if len(leaves) == 1:
        empty = {name: [0] for name in ("threshold", "feature", "left", "right", "flags")}
        planter.add([True], empty, leaves)
        return
    decisions = [int(one) for one in tree["decision_type"].split()]
    threshold = [float(one) for one in tree["threshold"].split()]
    flags = [_flags(one) for one in decisions]
    if int(tree["num_cat"]):
        bounds = [int(one) for one in tree["cat_boundaries"].split()]
        words = [int(one) for one in tree["cat_threshold"].split()]
        first = len(planter.sets)
        planter.sets += [words[low:high] for low, high in itertools.pairwise(bounds)]
        threshold = [
            first + value if decision & _CATEGORICAL else value
            for value, decision in zip(threshold, decisions, strict=True)
        ]
    splits = len(decisions)

    def places(side: str) -> list[int]:
        children = (int(one) for one in tree[side].split())
        return [child if child >= 0 else splits + ~child for child in children] + [0] * len(leaves)

    padding = [0] * len(leaves)
    columns = {
        "threshold": [*threshold, *padding],
        "feature": [*(int(one) for one in tree["split_feature"].split()), *padding],
        "left": places("left_child"),
        "right": places("right_child"),
        "flags": [*flags, *padding],
    }
    planter.add(np.arange(splits + len(leaves)) >= splits, columns, [*([0.0] * splits), *leaves])


def _flags(decision: int) -> int:
    if decision & _CATEGORICAL:
        return IN_SET
    missing = (decision >> 2) & 3
    flags = MISSING_LEFT if decision & _DEFAULT_LEFT else 0
    if missing == _MISSING_IS_NAN:
        return flags
    if missing == _MISSING_IS_ZERO:
        return flags | NAN_IS_ZERO | ZERO_IS_MISSING
    return NAN_IS_ZERO
