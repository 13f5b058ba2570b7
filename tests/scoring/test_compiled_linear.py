from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC
from tests.scoring.ways import agree, chosen, labels, refused

from soroi.scoring import choose_scorer, input_columns
from soroi.scoring.scorer import sklearn_scorer

DRAWN = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALERS = (StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler)
HEADS = {
    "logistic": lambda: LogisticRegression(),
    "log loss": lambda: SGDClassifier(loss="log_loss", random_state=0),
    "huber": lambda: SGDClassifier(loss="modified_huber", random_state=0),
    "discriminant": lambda: LinearDiscriminantAnalysis(),
    "least squares": lambda: LinearRegression(),
    "ridge": lambda: Ridge(),
    "elastic net": lambda: ElasticNet(alpha=0.01),
    "poisson": lambda: PoissonRegressor(),
    "platt": lambda: CalibratedClassifierCV(LogisticRegression(), cv=2),
    "isotonic": lambda: CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    "vote": lambda: VotingClassifier(
        [("a", LogisticRegression()), ("b", SGDClassifier(loss="log_loss", random_state=0))], voting="soft"
    ),
}
NUMBERS = ("Float64", "Float32", "Int64", "Int16", "UInt8", "Boolean")


def column(rng: np.random.Generator, dtype: str, n: int, size: float) -> pl.Series:
    values = rng.normal(size=n) * size
    if dtype == "Boolean":
        return pl.Series(values > 0)
    if dtype.startswith("Float"):
        return pl.Series(values, dtype=getattr(pl, dtype))
    return pl.Series(rng.integers(0, 200, n), dtype=getattr(pl, dtype))


def with_nulls(frame: pl.DataFrame, rng: np.random.Generator, names: list[str]) -> pl.DataFrame:
    gaps = [pl.when(pl.Series(rng.random(frame.height) < 0.8)).then(pl.col(name)).alias(name) for name in names]
    return frame.with_columns(gaps)


@DRAWN
@given(
    seed=st.integers(0, 10**6),
    dtypes=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=5),
    size=st.sampled_from([1e-3, 1.0, 1e5]),
    scalers=st.lists(st.sampled_from(SCALERS), max_size=2),
    head=st.sampled_from(sorted(HEADS)),
    missing=st.booleans(),
)
def test_numbers_scaled_and_weighed(
    extension: ModuleType, seed: int, dtypes: list[str], size: float, scalers: list[Any], head: str, missing: bool
) -> None:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({f"x{at}": column(rng, dtype, 80, size) for at, dtype in enumerate(dtypes)})
    y = labels(rng, frame.select(pl.all().cast(pl.Float64)).to_numpy()[:, 0] / size)
    if missing:
        frame = with_nulls(frame, rng, ["x0"])
    steps = [*([SimpleImputer()] if missing else []), *(one() for one in scalers or [StandardScaler])]
    model = make_pipeline(*steps, HEADS[head]()).fit(frame[:60], y[:60])
    scorer, choice = chosen(model, frame[60:], "linear")
    agree(scorer, choice, frame[:30], extension)


@DRAWN
@given(
    seed=st.integers(0, 10**6),
    unknown=st.sampled_from(["error", "ignore", "infrequent_if_exist"]),
    drop=st.sampled_from([None, "first", "if_binary"]),
    rare=st.sampled_from([None, 12]),
    sparse=st.booleans(),
    missing=st.booleans(),
)
def test_categories_one_hot(
    extension: ModuleType, seed: int, unknown: str, drop: Any, rare: Any, sparse: bool, missing: bool
) -> None:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "word": rng.choice(["x", "y", "zz", ""], 90),
            "kind": pl.Series(rng.choice(["p", "q", "r"], 90), dtype=pl.Categorical),
            "flag": rng.random(90) < 0.5,
            "code": rng.integers(0, 5, 90),
            "x": rng.normal(size=90),
        }
    )
    y = labels(rng, frame["x"].to_numpy() + (frame["word"] == "x").to_numpy())
    if missing:
        frame = with_nulls(frame, rng, ["word", "kind"])
    encoder = OneHotEncoder(handle_unknown=unknown, drop=drop, min_frequency=rare, sparse_output=sparse)
    taken = make_column_transformer(
        (encoder, ["word", "kind"]),
        (OneHotEncoder(handle_unknown="ignore"), ["code", "flag"]),
        (StandardScaler(), ["x", "code"]),
        remainder="passthrough",
        sparse_threshold=1.0 if sparse else 0.0,
    )
    model = make_pipeline(taken, MaxAbsScaler(), LogisticRegression(max_iter=500)).fit(frame[:70], y[:70])
    scorer, choice = chosen(model, frame, "linear")
    odd = frame[:2].with_columns(word=pl.Series(["never", "seen"]), code=pl.Series([77, -3]))
    agree(scorer, choice, pl.concat([frame[60:], odd]), extension)


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
        TargetEncoder(cv=2),
    ],
)
def test_categories_as_numbers(extension: ModuleType, encoder: Any) -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"word": rng.choice(["x", "y", "zz"], 90), "x": rng.normal(size=90)})
    frame = with_nulls(frame, rng, ["word"])
    y = labels(rng, frame["x"].to_numpy())
    model = make_pipeline(make_column_transformer((encoder, ["word"]), ("passthrough", ["x"])), LogisticRegression())
    scorer, choice = chosen(model.fit(frame, y), frame, "linear")
    agree(scorer, choice, pl.concat([frame[:20], frame[:1].with_columns(word=pl.lit("never"))]), extension)


def test_filled_categories_selected_columns_and_unions(extension: ModuleType) -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"word": rng.choice(["x", "y", "zz"], 120), "a": rng.normal(size=120), "b": rng.random(120)})
    y = labels(rng, frame["a"].to_numpy())
    numbers = make_pipeline(make_union(StandardScaler(), "passthrough"), SelectKBest(k=3))
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = make_pipeline(
        make_column_transformer((words, ["word"]), (numbers, ["b", "a"])), StandardScaler(), LogisticRegression()
    )
    scorer, choice = chosen(model.fit(frame, y), frame, "linear")
    agree(scorer, choice, frame[:20], extension)


def test_what_is_infinite_or_missing_is_refused_in_the_same_words(extension: ModuleType) -> None:
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, labels(rng, frame["a"].to_numpy()))
    scorer, choice = chosen(model, frame, "linear")
    for value, word in ((float("inf"), "infinite"), (float("nan"), "missing"), (None, "missing")):
        row = frame[:1].with_columns(b=pl.lit(value, dtype=pl.Float64))
        agree(scorer, choice, row, extension)
        refused(choice, row, extension, f"column 'b' is {word} in row 0")


def test_columns_are_found_by_name_and_others_are_left_alone(extension: ModuleType) -> None:
    rng = np.random.default_rng(4)
    frame = pl.DataFrame({"a": rng.normal(size=60), "when": ["x"] * 60, "b": rng.normal(size=60)})
    y = labels(rng, frame["a"].to_numpy())
    model = make_pipeline(make_column_transformer((StandardScaler(), ["b", "a"])), LogisticRegression()).fit(frame, y)
    scorer, choice = chosen(model, frame, "linear")
    agree(scorer, choice, frame[:10], extension)
    shuffled = frame.select("b", pl.lit(1).alias("new"), "when", "a")
    assert choice.scorer.score(shuffled).tolist() == choice.scorer.score(frame).tolist()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (make_pipeline(PolynomialFeatures(), LogisticRegression()), "PolynomialFeatures is not compiled"),
        (make_pipeline(MinMaxScaler(clip=True), LogisticRegression()), "clip=True"),
        (CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2), "calibration by temperature"),
        (VotingClassifier([("a", LogisticRegression())], voting="soft", weights=[2]), "a vote with weights"),
    ],
)
def test_what_is_not_compiled_scores_by_the_estimator_and_says_why(model: Any, reason: str) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"a": rng.normal(size=60)})
    scorer = sklearn_scorer(model.fit(frame, labels(rng, frame["a"].to_numpy())), "m")
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m")
    assert choice.scorer is scorer
    assert choice.data is None
    assert choice.facts["kind"] == "estimator"
    assert reason in choice.facts["reason"]
