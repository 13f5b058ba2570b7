from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from soroi.scoring.lightgbm_text import check_text


@pytest.fixture(scope="module")
def text() -> str:
    rng = np.random.default_rng(3)
    values = np.column_stack([rng.normal(size=300), rng.integers(0, 12, 300)])
    target = values[:, 0] + 4 * (values[:, 1] % 3 == 0) > 1
    settings = {"objective": "binary", "num_leaves": 5, "verbose": -1, "num_threads": 1, "min_data_per_group": 5}
    rows = lightgbm.Dataset(values, target, categorical_feature=[1], params={"verbose": -1})
    made: str = lightgbm.train(settings, rows, 4).model_to_string()
    return made


def test_what_lightgbm_writes_passes(text: str) -> None:
    assert "num_cat=0" not in text.split("Tree=1")[0]
    assert check_text(text) == 2


def _line(text: str, key: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{key}="))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_feature_idx", "99"),
        ("max_feature_idx", "-1"),
        ("num_class", "3"),
        ("num_tree_per_iteration", "2"),
        ("num_leaves", "6"),
        ("num_leaves", "0"),
        ("num_leaves", "99999999999"),
        ("num_cat", "99"),
        ("num_cat", "-1"),
        ("split_feature", "9 9 9 9"),
        ("split_feature", "-1 0 0 0"),
        ("split_feature", "0 0"),
        ("split_feature", "a b c d"),
        ("threshold", "99 99 99 99"),
        ("threshold", "0.5 0.5 0.5 0.5"),
        ("threshold", "nan nan nan nan"),
        ("left_child", "0 0 0 0"),
        ("left_child", "7 7 7 7"),
        ("right_child", "-9 -9 -9 -9"),
        ("leaf_value", "1"),
        ("cat_boundaries", "0 99"),
        ("cat_boundaries", "5"),
        ("cat_threshold", ""),
        ("is_linear", "1"),
        ("tree_sizes", "1 2 3 4"),
        ("tree_sizes", "99999999"),
    ],
)
def test_a_line_changed_is_refused_even_when_the_sizes_are_right(text: str, key: str, value: str) -> None:
    old = _line(text, key)
    changed = text.replace(old, f"{key}={value}", 1)
    first = text.index("Tree=0")
    if changed.index(f"{key}={value}") > first:
        sizes = _line(text, "tree_sizes").removeprefix("tree_sizes=").split()
        sizes[0] = str(int(sizes[0]) + len(changed) - len(text))
        changed = changed.replace(_line(text, "tree_sizes"), "tree_sizes=" + " ".join(sizes), 1)
    with pytest.raises((ValueError, KeyError)):
        check_text(changed)


@pytest.mark.parametrize("broken", ["", "tree\n", "tree\nTree=0\n", "end of trees\nTree=0\n"])
def test_text_without_trees_is_refused(broken: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        check_text(broken)


def test_a_key_given_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        check_text(text.replace("num_class=1\n", "num_class=1\nnum_class=1\n", 1))
