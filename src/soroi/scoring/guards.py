"""Checks of what was loaded where parts must fit each other, before anything is scored.

Native code in scikit-learn believes what its Python side says about sizes. Fitting makes that true; a file
could claim anything, so it is checked here once per load.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from soroi.scoring.nodes import check_children

_FEW = 4096
_ATOMS = (str, bytes, int, float, bool, type(None), np.generic)


def guard(model: Any) -> None:
    """Check a loaded model, and have it use one thread, so that sums of parallel parts keep their order.

    Raises:
        ValueError: Its parts do not fit each other; the message says which.
    """
    from sklearn.base import BaseEstimator
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
    from sklearn.preprocessing import OneHotEncoder

    for one in walk(model):
        if isinstance(one, BaseEstimator):
            if "n_jobs" in vars(one):
                one.n_jobs = 1
            _guard_tree_owner(one)
        if isinstance(one, GradientBoostingClassifier | GradientBoostingRegressor):
            _guard_boosting(one)
        elif isinstance(one, BaseHistGradientBoosting):
            _guard_hist(one)
        elif isinstance(one, CountVectorizer | HashingVectorizer):
            _guard_text(one)
        elif isinstance(one, OneHotEncoder) and hasattr(one, "_n_features_outs"):
            _demand(list(one._n_features_outs) == list(one._compute_n_features_outs()), "one-hot columns")


def walk(model: Any) -> Iterator[Any]:
    """Every object reachable from a model through attributes, containers and arrays of objects, once each."""
    waiting, seen = [model], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, _ATOMS) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set):
            waiting.extend(one)
        elif isinstance(one, np.ndarray):
            waiting.extend(one.ravel().tolist() if one.dtype == object else [])
        elif hasattr(one, "__dict__") and not isinstance(one, type):
            waiting.extend(vars(one).values())


def _guard_tree_owner(one: Any) -> None:
    from sklearn.ensemble._forest import BaseForest
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    if isinstance(one, BaseDecisionTree) and "tree_" in vars(one):
        _demand(isinstance(one.tree_, Tree) and one.tree_.n_features == one.n_features_in_, "tree")
    if isinstance(one, BaseForest) and "estimators_" in vars(one):
        for tree in one.estimators_:
            fits = isinstance(tree, BaseDecisionTree) and tree.tree_.n_features == one.n_features_in_
            _demand(fits, "forest")


def _guard_boosting(one: Any) -> None:
    from sklearn.tree import DecisionTreeRegressor

    if "estimators_" not in vars(one):
        return
    trees = one.estimators_
    _demand(isinstance(trees, np.ndarray) and trees.dtype == object and trees.ndim == 2, "stages")
    _demand(trees.shape[1] == 1 and one.n_trees_per_iteration_ == 1, "stages (two classes at most)")
    for tree in trees.ravel():
        _demand(isinstance(tree, DecisionTreeRegressor), "stages")
        _demand(tree.tree_.n_features == one.n_features_in_ and tree.tree_.n_outputs == 1, "stages")


def _guard_hist(one: Any) -> None:
    if "_predictors" not in vars(one):
        return
    categorical = one._bin_mapper.is_categorical_
    _demand(isinstance(categorical, np.ndarray) and categorical.ndim == 1, "bin mapper")
    _demand(one.n_trees_per_iteration_ == 1, "stages (two classes at most)")
    _demand(len(one._bin_mapper.bin_thresholds_) == categorical.size, "bin mapper")
    for stage in one._predictors:
        _demand(len(stage) == 1, "stages")
        _guard_predictor(stage[0], categorical.astype(bool))
    one._raw_predict = FewThreads(one)
    if one._preprocessor is None:
        _demand(one.n_features_in_ == categorical.size, "features")
    else:
        one._preprocessor = WidthGuard(one._preprocessor, categorical.size)


def _guard_predictor(one: Any, categorical: Any) -> None:
    from sklearn.ensemble._hist_gradient_boosting.predictor import PREDICTOR_RECORD_DTYPE, TreePredictor

    _demand(isinstance(one, TreePredictor), "predictor")
    nodes, bits = one.nodes, one.raw_left_cat_bitsets
    _demand(isinstance(nodes, np.ndarray) and nodes.dtype == PREDICTOR_RECORD_DTYPE, "predictor's nodes")
    _demand(nodes.ndim == 1 and nodes.size >= 1, "predictor's nodes")
    _demand(isinstance(bits, np.ndarray) and bits.dtype == np.uint32, "predictor's bit sets")
    _demand(bits.ndim == 2 and bits.shape[1] == 8, "predictor's bit sets")
    leaf = nodes["is_leaf"].astype(bool)
    check_children(nodes["left"], nodes["right"], leaf)
    used = nodes["feature_idx"][~leaf]
    _demand(bool(((used >= 0) & (used < categorical.size)).all()), "predictor's features")
    sets = ~leaf & nodes["is_categorical"].astype(bool)
    _demand(bool(categorical[nodes["feature_idx"][sets]].all()), "predictor's categories")
    _demand(bool((nodes["bitset_idx"][sets] < bits.shape[0]).all()), "predictor's bit sets")


def _guard_text(one: Any) -> None:
    _demand(getattr(one, "input", None) == "content", "text input (rows must not name files)")
    if hasattr(one, "n_features"):
        _demand(type(one.n_features) is int and 1 <= one.n_features < 2**31, "count of hashed words")
    words = getattr(one, "vocabulary_", None)
    if words is not None:
        places = sorted(int(at) for at in words.values())
        _demand(places == list(range(len(words))), "vocabulary")


class FewThreads:
    """Predicts few rows on one thread: waking others costs more than it saves, most of all on busy machines.

    Rows are scored independently, so the number of threads changes no bit.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, rows: Any, n_threads: int | None = None) -> Any:
        """Raw predictions, shape ``(n, 1)``."""
        threads = 1 if n_threads is None and len(rows) <= _FEW else n_threads
        return type(self.model)._raw_predict(self.model, rows, n_threads=threads)


class WidthGuard:
    """Stands before a transformer whose output goes to native code, and checks its width."""

    def __init__(self, inner: Any, width: int) -> None:
        self.inner = inner
        self.width = width

    def transform(self, rows: Any) -> Any:
        """What the transformer makes of rows, shape ``(n, width)``.

        Raises:
            ValueError: It has another width.
        """
        made = self.inner.transform(rows)
        _demand(getattr(made, "ndim", 0) == 2 and made.shape[1] == self.width, "preprocessed features")
        return made


def _demand(sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(f"the model's {what} do not fit together")
