"""Parts that do not fit each other, which native code would believe."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from soroi.scoring.guards import guard, walk


@pytest.fixture(scope="module")
def models(data: Any, forest: Any) -> dict[str, Any]:
    enum = data.X.select("a", "b", pl.col("c").cast(pl.Enum(["x", "y", "zz"])))
    by_type = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype")
    return {
        "forest": forest,
        "boosting": GradientBoostingClassifier(n_estimators=2).fit(data.full, data.y),
        "histogram": HistGradientBoostingClassifier(max_iter=2).fit(data.full, data.y),
        "enum": by_type.fit(enum, data.y),
        "words": CountVectorizer().fit(data.X["t"]),
        "hashed": HashingVectorizer(n_features=8),
        "onehot": OneHotEncoder().fit(data.X.select("c")),
        "tree": DecisionTreeClassifier(max_depth=2).fit(data.full, data.y),
    }


def _predictor(model: Any) -> Any:
    return model._predictors[0][0]


def _set(nodes: Any, field: str, value: int) -> None:
    nodes[field][0] = value


def _shorten(stages: Any) -> None:
    for stage in stages:
        stage[0].raw_left_cat_bitsets = np.zeros((99, 2), np.uint32)


BROKEN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a tree of more features": ("tree", lambda m: setattr(m, "n_features_in_", 1)),
    "a forest of wider trees": ("forest", lambda m: setattr(m, "n_features_in_", 1)),
    "a forest of other things": ("forest", lambda m: m.estimators_.append("tree")),
    "boosting of wider trees": ("boosting", lambda m: setattr(m, "n_features_in_", 1)),
    "boosting in two columns": ("boosting", lambda m: setattr(m, "estimators_", m.estimators_.reshape(1, 2))),
    "boosting of no scores": ("boosting", lambda m: setattr(m, "n_trees_per_iteration_", 0)),
    "boosting of classifiers": ("boosting", lambda m: m.estimators_.fill(DecisionTreeClassifier())),
    "boosting in a list": ("boosting", lambda m: setattr(m, "estimators_", m.estimators_.tolist())),
    "a histogram of fewer features": ("histogram", lambda m: setattr(m, "n_features_in_", 1)),
    "a predictor's child": ("histogram", lambda m: _set(_predictor(m).nodes, "left", 10**6)),
    "a predictor's circle": ("histogram", lambda m: _set(_predictor(m).nodes, "right", 0)),
    "a predictor's feature": ("histogram", lambda m: _set(_predictor(m).nodes, "feature_idx", 77)),
    "a predictor's false category": ("histogram", lambda m: _set(_predictor(m).nodes, "is_categorical", 1)),
    "a predictor's nodes": ("histogram", lambda m: setattr(_predictor(m), "nodes", np.zeros(3))),
    "no predictor's nodes": (
        "histogram",
        lambda m: setattr(_predictor(m), "nodes", _predictor(m).nodes[:0]),
    ),
    "a predictor of another kind": ("histogram", lambda m: m._predictors[0].__setitem__(0, "tree")),
    "short bit sets": ("enum", lambda m: _shorten(m._predictors)),
    "fewer bins than features": ("histogram", lambda m: m._bin_mapper.bin_thresholds_.pop()),
    "a vocabulary with a hole": ("words", lambda m: m.vocabulary_.update(fox=10**9)),
    "text that names files": ("words", lambda m: setattr(m, "input", "filename")),
    "no hashed words": ("hashed", lambda m: setattr(m, "n_features", 0)),
    "fewer columns than categories": ("onehot", lambda m: setattr(m, "_n_features_outs", [1])),
}


@pytest.mark.parametrize("name", BROKEN)
def test_parts_that_do_not_fit_are_found(name: str, models: dict[str, Any]) -> None:
    which, breaks = BROKEN[name]
    model = copy.deepcopy(models[which])
    breaks(model)
    with pytest.raises(ValueError, match=r"do not fit|not sound"):
        guard(make_pipeline(model))


@pytest.mark.parametrize("name", ["forest", "boosting", "histogram", "enum", "words", "onehot", "tree"])
def test_parts_that_fit_pass(name: str, models: dict[str, Any]) -> None:
    guard(copy.deepcopy(models[name]))


def test_a_preprocessor_that_lies_about_its_width_is_found(models: dict[str, Any], data: Any) -> None:
    model = copy.deepcopy(models["enum"])
    guard(model)
    model._preprocessor.width = 2
    with pytest.raises(ValueError, match="preprocessed"):
        model.predict_proba(data.X.select("a", "b", pl.col("c").cast(pl.Enum(["x", "y", "zz"]))))


def test_a_loaded_forest_uses_one_thread(forest: Any) -> None:
    model = copy.deepcopy(forest)
    guard(model)
    assert model.n_jobs == 1
    assert forest.n_jobs == 2


def test_the_number_of_threads_changes_no_bit(models: dict[str, Any], data: Any) -> None:
    many = pl.concat([data.full] * 20)
    model = copy.deepcopy(models["histogram"])
    with threadpoolctl.threadpool_limits(2):
        expected = model.predict_proba(many)
    guard(model)
    assert model.predict_proba(many).tobytes() == expected.tobytes()
    assert model.predict_proba(data.full).tobytes() == expected[: data.full.height].tobytes()


def test_walking_sees_each_object_once_and_ends_on_circles() -> None:
    inner: list[Any] = [1]
    inner.append(inner)
    holder = np.empty(2, dtype=object)
    holder[:] = [inner, {"a": (inner,)}]
    assert sum(one is inner for one in walk(holder)) == 1
