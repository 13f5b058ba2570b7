from __future__ import annotations

from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tests.scoring.ways import agree, chosen, every_way, labels, refused

from soroi.scoring import choose_scorer, input_columns
from soroi.scoring.lightgbm_format import lightgbm_scorer
from soroi.scoring.scorer import sklearn_scorer

DRAWN = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EXACT = 1e-15
"""Trees take the same branches and add the same leaves; only the last function may differ in its last bit."""

MODELS = {
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=3),
    "histogram regressor": lambda: HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=3),
    "histogram poisson": lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=5, min_samples_leaf=3),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
    "exponential": lambda: GradientBoostingClassifier(loss="exponential", n_estimators=5, random_state=0),
    "boosting from zero": lambda: GradientBoostingClassifier(init="zero", n_estimators=5, random_state=0),
    "boosting regressor": lambda: GradientBoostingRegressor(n_estimators=8, max_leaf_nodes=5, random_state=0),
    "forest": lambda: RandomForestClassifier(7, random_state=0),
    "forest regressor": lambda: RandomForestRegressor(5, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(5, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_leaf_nodes=9, random_state=0),
    "platt": lambda: CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=4), cv=2),
    "isotonic": lambda: CalibratedClassifierCV(RandomForestClassifier(4, random_state=0), method="isotonic", cv=2),
}
WITHOUT_MISSING = ("boosting", "exponential", "boosting from zero", "boosting regressor")
NUMBERS = ("Float64", "Float32", "Int64", "Int16", "UInt8", "Boolean")


def table(rng: np.random.Generator, dtypes: list[str], size: float, missing: bool, n: int = 80) -> pl.DataFrame:
    columns = {}
    for at, dtype in enumerate(dtypes):
        if dtype == "Boolean":
            made = pl.Series(rng.random(n) < 0.5)
        elif dtype.startswith("Float"):
            made = pl.Series(np.round(rng.normal(size=n), 1) * size, dtype=getattr(pl, dtype))
        else:
            made = pl.Series(rng.integers(0, 100, n), dtype=getattr(pl, dtype))
        columns[f"x{at}"] = made
    frame = pl.DataFrame(columns)
    if not missing:
        return frame
    return frame.with_columns(pl.when(pl.Series(rng.random(n) < 0.8)).then(pl.col("x0")).alias("x0"))


@DRAWN
@given(
    seed=st.integers(0, 10**6),
    dtypes=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4),
    size=st.sampled_from([1e-3, 1.0, 1e6]),
    name=st.sampled_from(sorted(MODELS)),
    missing=st.booleans(),
)
def test_trees_over_numbers(
    extension: ModuleType, seed: int, dtypes: list[str], size: float, name: str, missing: bool
) -> None:
    rng = np.random.default_rng(seed)
    frame = table(rng, dtypes, size, missing and name not in WITHOUT_MISSING)
    y = labels(rng, frame.select(pl.all().cast(pl.Float64).fill_null(0)).to_numpy()[:, 0] / size)
    scorer, choice = chosen(MODELS[name]().fit(frame[:60], y[:60]), frame, "trees")
    assert choice.facts["parity"] <= EXACT
    agree(scorer, choice, frame[40:70], extension)


@pytest.mark.parametrize("name", ["histogram", "boosting", "forest"])
@pytest.mark.parametrize("one_hot", [True, False])
def test_trees_over_encoded_and_scaled_columns(extension: ModuleType, name: str, one_hot: bool) -> None:
    rng = np.random.default_rng(1)
    frame = table(rng, ["Float64", "Int64", "Boolean"], 1.0, False).with_columns(
        word=pl.Series(rng.choice(["x", "y", "zz"], 80))
    )
    y = labels(rng, frame["x0"].to_numpy())
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False) if one_hot else ordinal
    steps = make_column_transformer((StandardScaler(), ["x1", "x0"]), (encoder, ["word"]), ("passthrough", ["x2"]))
    scorer, choice = chosen(make_pipeline(steps, MODELS[name]()).fit(frame, y), frame, "trees")
    assert choice.facts["parity"] <= EXACT
    agree(scorer, choice, pl.concat([frame[:20], frame[:1].with_columns(word=pl.lit("never"))]), extension)
    refused(choice, frame[:1].with_columns(x0=pl.lit(float("inf"))), extension, "column 'x0' is infinite")


@pytest.mark.parametrize("kind", ["Categorical", "codes"])
def test_categories_of_histogram_boosting(extension: ModuleType, kind: str) -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"x": rng.normal(size=200), "c": rng.integers(0, 40, 200)})
    y = labels(rng, np.sin(frame["c"].to_numpy() * 2.0) * 3)
    model = HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=3)
    if kind == "codes":
        model.set_params(categorical_features=["c"])
    else:
        frame = frame.with_columns(pl.col("c").cast(pl.String).cast(pl.Categorical))
    frame = frame.with_columns(pl.when(pl.int_range(200) % 9 > 0).then(pl.col("c")))
    scorer, choice = chosen(model.fit(frame, y), frame, "trees")
    assert choice.facts["parity"] <= EXACT
    agree(scorer, choice, frame[:60], extension)


@pytest.mark.parametrize("wanted", ["histogram", "forest"])
def test_infinities_go_where_the_estimator_sends_them(extension: ModuleType, wanted: str) -> None:
    rng = np.random.default_rng(3)
    frame = table(rng, ["Float64"], 1.0, True)
    scorer, choice = chosen(MODELS[wanted]().fit(frame, labels(rng, rng.normal(size=80))), frame, "trees")
    odd = pl.DataFrame({"x0": [float("inf"), -float("inf"), float("nan"), None, 1e300, -0.0]})
    agree(scorer, choice, odd, extension)


def test_a_missing_value_that_trees_never_learned_is_refused_by_name(extension: ModuleType) -> None:
    rng = np.random.default_rng(4)
    frame = table(rng, ["Float64", "Float64"], 1.0, False)
    _, choice = chosen(MODELS["boosting"]().fit(frame, labels(rng, frame["x0"].to_numpy())), frame, "trees")
    refused(choice, frame[:1].with_columns(x1=pl.lit(None, pl.Float64)), extension, "column 'x1' is missing in row 0")
    refused(choice, frame[:1].with_columns(x1=pl.lit(1e300)), extension, "the score of row 0 is nan")
    for way in every_way(choice, extension):
        with pytest.raises(Exception, match="column 'x0' is String, not a number"):
            way.score(frame.with_columns(pl.col("x0").cast(pl.String)))
        with pytest.raises(Exception, match="not a finite number"):
            way.one(["text", 1.0])


LIGHT: dict[str, dict[str, Any]] = {
    "binary": {},
    "slope": {"sigmoid": 2.5},
    "zero is missing": {"zero_as_missing": True},
    "missing is nothing": {"use_missing": False},
    "forest": {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    "categories": {"categorical_feature": [1], "min_data_per_group": 2, "cat_smooth": 1},
    "poisson": {"objective": "poisson"},
    "root": {"objective": "regression", "reg_sqrt": True},
    "quantile": {"objective": "quantile"},
    "stump": {"min_data_in_leaf": 1000},
}


@pytest.mark.parametrize("name", LIGHT)
def test_lightgbm(extension: ModuleType, name: str) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame(
        {"x": np.round(rng.normal(size=300), 1), "c": rng.integers(0, 60, 300), "f": rng.random(300) < 0.5}
    ).with_columns(pl.when(pl.int_range(300) % 7 > 0).then(pl.col("x", "c")))
    y = labels(rng, frame["x"].fill_null(1).to_numpy() + np.sin(frame["c"].fill_null(0).to_numpy()))
    options = {"n_estimators": 12, "min_data_in_leaf": 3, "verbose": -1, "deterministic": True, **LIGHT[name]}
    categories = options.pop("categorical_feature", "auto")
    kind = lightgbm.LGBMRegressor if "objective" in options else lightgbm.LGBMClassifier
    model = kind(**options).fit(frame.cast(pl.Float64).to_numpy(), y, categorical_feature=categories)
    scorer = lightgbm_scorer(model, "m")
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m")
    assert choice.facts["kind"] == "trees", choice.facts
    assert choice.facts["parity"] <= EXACT
    odd = pl.DataFrame(
        {"x": [float("nan"), None, float("inf"), 0.0, -0.0, 1e-36], "c": [None, 999, -1, 2**40, 0, 59], "f": [True] * 6}
    )
    agree(scorer, choice, pl.concat([frame[:40], odd]), extension)


def test_boosting_from_another_model_is_not_compiled() -> None:
    rng = np.random.default_rng(6)
    frame = table(rng, ["Float64"], 1.0, False)
    y = labels(rng, frame["x0"].to_numpy())
    model = GradientBoostingClassifier(init=LogisticRegression(), n_estimators=3).fit(frame, y)
    choice = choose_scorer(sklearn_scorer(model, "m"), input_columns(frame), frame, what="m")
    assert choice.facts["reason"] == "boosting from another model is not compiled"
