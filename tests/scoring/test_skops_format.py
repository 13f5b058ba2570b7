"""Round trips of the usual estimators, and bytes that are the same in every process."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from soroi.base.errors import CorruptError, RefusedError, UnsafeArtefactError
from soroi.scoring import load_model, save_model
from soroi.scoring.allowed import DROPPED, OBJECTS, PLAIN, TRUSTED
from soroi.scoring.guards import walk
from soroi.scoring.scorer import SklearnScorer

WHERE = "flights.py:41"


def _columns(text: bool = True) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    parts: list[Any] = [("n", numbers, ["a", "b"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["c"])]
    return ColumnTransformer(parts + ([("t", TfidfVectorizer(stop_words=["fox"]), "t")] if text else []))


def _codes() -> ColumnTransformer:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer([("n", "passthrough", ["a", "b"]), ("c", encoder, ["c"])])


def _inner() -> list[tuple[str, Any]]:
    return [("a", LogisticRegression()), ("b", GaussianNB())]


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "logistic": (lambda: LogisticRegression(class_weight={False: 1, True: 3}), "full"),
    "logistic behind columns and text": (lambda: make_pipeline(_columns(), LogisticRegression()), "X"),
    "stochastic gradient": (lambda: SGDClassifier(loss="log_loss", random_state=0), "full"),
    "naive Bayes": (GaussianNB, "full"),
    "network": (lambda: MLPClassifier((3,), max_iter=5, random_state=0), "full"),
    "dummy": (DummyClassifier, "numeric"),
    "tree": (lambda: DecisionTreeClassifier(max_depth=3, random_state=0), "numeric"),
    "forest": (lambda: RandomForestClassifier(4, max_depth=4, random_state=0, n_jobs=2), "numeric"),
    "extra trees": (lambda: ExtraTreesRegressor(3, max_depth=3, random_state=0), "full"),
    "boosting": (lambda: GradientBoostingClassifier(n_estimators=3, random_state=0), "full"),
    "boosting from zero": (lambda: GradientBoostingRegressor(n_estimators=3, init="zero"), "full"),
    "histogram boosting": (lambda: HistGradientBoostingClassifier(max_iter=3), "numeric"),
    "histogram boosting of enums": (
        lambda: HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype"),
        "enum",
    ),
    "histogram boosting behind columns": (
        lambda: make_pipeline(_codes(), HistGradientBoostingClassifier(max_iter=3, categorical_features=[2])),
        "X",
    ),
    "histogram regression": (lambda: HistGradientBoostingRegressor(max_iter=3, loss="poisson"), "numeric"),
    "histogram quantile": (
        lambda: HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.9),
        "numeric",
    ),
    "calibrated sigmoid": (lambda: CalibratedClassifierCV(LogisticRegression(), cv=3), "full"),
    "calibrated isotonic": (
        lambda: CalibratedClassifierCV(LogisticRegression(), cv=3, method="isotonic", ensemble=False),
        "full",
    ),
    "calibrated temperature": (
        lambda: CalibratedClassifierCV(LogisticRegression(), method="temperature"),
        "full",
    ),
    "calibrated without probabilities": (lambda: CalibratedClassifierCV(LinearSVC(), cv=3), "full"),
    "bagging": (lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=2), 3, random_state=0), "numeric"),
    "adaptive boosting": (lambda: AdaBoostClassifier(n_estimators=3, random_state=0), "full"),
    "voting": (lambda: VotingClassifier(_inner(), voting="soft"), "full"),
    "stacking": (lambda: StackingClassifier(_inner()), "full"),
    "selection and quantiles": (
        lambda: make_pipeline(SelectKBest(f_classif, k=1), QuantileTransformer(n_quantiles=9), LogisticRegression()),
        "full",
    ),
    "bins": (
        lambda: make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()),
        "full",
    ),
    "polynomials and a union": (
        lambda: make_pipeline(
            PolynomialFeatures(),
            FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())]),
            LogisticRegression(),
        ),
        "full",
    ),
    "a function": (
        lambda: make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()),
        "full",
    ),
    "words": (
        lambda: make_pipeline(ColumnTransformer([("t", CountVectorizer(), "t")]), MultinomialNB()),
        "X",
    ),
    "hashed words": (
        lambda: make_pipeline(ColumnTransformer([("t", HashingVectorizer(n_features=64), "t")]), LogisticRegression()),
        "X",
    ),
    "the remaining columns": (
        lambda: make_pipeline(ColumnTransformer([("n", StandardScaler(), ["a"])], remainder=MinMaxScaler()), Ridge()),
        "full",
    ),
    "transformed target": (
        lambda: TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        "full",
    ),
    "Poisson": (PoissonRegressor, "full"),
}


def _input(data: Any, name: str) -> pl.DataFrame:
    if name == "enum":
        frame: pl.DataFrame = data.X.select("a", "b", pl.col("c").cast(pl.Enum(["x", "y", "zz"])))
        return frame
    chosen: pl.DataFrame = getattr(data, name)
    return chosen


def _fit(make: Callable[[], Any], frame: pl.DataFrame, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        return make().fit(frame, y)


@pytest.mark.parametrize("name", CASES)
def test_an_estimator_survives_saving_with_equal_scores(name: str, data: Any) -> None:
    make, chosen = CASES[name]
    frame = _input(data, chosen)
    model = _fit(make, frame, data.y)
    saved = save_model(model, where=WHERE, sample=frame)
    assert saved.format == "skops"
    assert list(saved.files) == ["model.skops"]
    scores = load_model(saved, what="late@1").score(frame)
    expected = model.predict_proba(frame)[:, 1] if hasattr(model, "predict_proba") else model.predict(frame)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["forest", "histogram boosting of enums", "boosting", "calibrated isotonic"])
def test_one_row_scores_as_it_does_among_many(name: str, data: Any) -> None:
    make, chosen = CASES[name]
    frame = _input(data, chosen)
    scorer = load_model(save_model(_fit(make, frame, data.y), where=WHERE), what="late@1")
    together = scorer.score(frame)
    alone = np.concatenate([scorer.score(frame[at]) for at in range(0, 60, 7)])
    assert together[0:60:7].tobytes() == alone.tobytes()


def test_no_rows_give_no_scores(forest: Any, data: Any) -> None:
    scorer = load_model(save_model(forest, where=WHERE), what="late@1")
    assert scorer.score(data.numeric[:0]).shape == (0,)


SCRIPT = """
import hashlib, sys, warnings
sys.path.insert(0, {folder!r})
import numpy as np
import conftest, test_skops_format as cases
from soroi.scoring import make_canary, load_model, save_model
data = conftest.data.__wrapped__() if hasattr(conftest.data, "__wrapped__") else None
junk = [object() for _ in range(int(sys.argv[1]))]
for name in {names!r}:
    make, chosen = cases.CASES[name]
    frame = cases._input(data, chosen)
    saved = save_model(cases._fit(make, frame, data.y), where="x")
    canary = make_canary(load_model(saved, what="x"), frame)
    print(name, hashlib.sha256(saved.files["model.skops"]).hexdigest(), hashlib.sha256(canary.rows).hexdigest())
"""

SEEDED = [
    "logistic behind columns and text",
    "network",
    "forest",
    "boosting",
    "histogram boosting of enums",
    "calibrated isotonic",
    "stacking",
    "words",
]


def test_processes_with_other_memory_and_hash_seeds_write_the_same_bytes() -> None:
    script = SCRIPT.format(folder=str(Path(__file__).parent), names=SEEDED)
    running = []
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": seed,
            "MALLOC_PERTURB_": str(17 * int(seed)),
        }
        command = [sys.executable, "-c", script, str(10_000 * int(seed))]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
    printed = set()
    for process in running:
        out, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        printed.add(out)
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == len(SEEDED)


def test_saving_twice_and_saving_what_was_loaded_write_the_same_bytes(data: Any) -> None:
    model = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(data.full, data.y)
    first = save_model(model, where=WHERE)
    assert save_model(model, where=WHERE) == first
    loaded = load_model(first, what="late@1")
    assert isinstance(loaded, SklearnScorer)
    again = save_model(loaded.estimator, where=WHERE)
    assert again == save_model(clone_jobs(model), where=WHERE)


def clone_jobs(model: Any) -> Any:
    """The model as loading leaves it: with one thread."""
    copied = copy.deepcopy(model)
    for one in walk(copied):
        if hasattr(one, "n_jobs"):
            one.n_jobs = 1
    return copied


def test_an_unseeded_but_equal_histogram_boosting_has_equal_bytes(data: Any) -> None:
    made = {
        hashlib.sha256(save_model(_fit(make, data.numeric, data.y), where=WHERE).files["model.skops"]).digest()
        for make in [lambda: HistGradientBoostingClassifier(max_iter=2)] * 3
    }
    assert len(made) == 1


def test_a_shared_estimator_is_still_shared_after_loading(data: Any, forest: Any) -> None:
    inner = FrozenEstimator(forest)
    model = CalibratedClassifierCV(inner).fit(data.numeric, data.y)
    model.calibrated_classifiers_ *= 2
    saved = save_model(model, where=WHERE, sample=data.numeric)
    scorer = load_model(saved, what="late@1")
    assert isinstance(scorer, SklearnScorer)
    first, second = scorer.estimator.calibrated_classifiers_
    assert first is second
    assert first.estimator is scorer.estimator.estimator


def test_of_a_search_only_the_best_estimator_is_kept(data: Any) -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(data.full, data.y)
    saved = save_model(search, where=WHERE, sample=data.full)
    assert saved == save_model(search.best_estimator_, where=WHERE)


class Mine(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator a user defined."""


class Boom:
    """Executes when pickle loads it."""

    def __reduce__(self) -> Any:
        return (os.system, ("touch /tmp/soroi-was-here",))


@pytest.mark.parametrize("nest", [False, True])
def test_an_estimator_class_of_the_user_is_refused_by_name(nest: bool, data: Any) -> None:
    model = make_pipeline(StandardScaler(), Mine()) if nest else Mine()
    with pytest.raises(UnsafeArtefactError, match=r"Mine.*not on the reviewed list") as caught:
        save_model(model.fit(data.full, data.y), where=WHERE)
    assert caught.value.where == WHERE
    assert caught.value.fields["type"].endswith("test_skops_format.Mine")


def test_a_lambda_is_refused_by_name(data: Any) -> None:
    model = make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()).fit(data.full, data.y)
    with pytest.raises(UnsafeArtefactError, match="<lambda>"):
        save_model(model, where=WHERE)


def test_an_object_that_executes_when_unpickled_is_refused_and_not_executed(data: Any) -> None:
    model = LogisticRegression().fit(data.full, data.y)
    model.extra_ = Boom()
    with pytest.raises(UnsafeArtefactError):
        save_model(model, where=WHERE)
    with pytest.raises(UnsafeArtefactError, match="Boom"):
        save_model(Boom(), where=WHERE)


def test_a_model_that_contains_itself_is_refused(data: Any) -> None:
    model = LogisticRegression().fit(data.full, data.y)
    model.myself_ = model
    with pytest.raises(UnsafeArtefactError, match="without pickle"):
        save_model(model, where=WHERE)


def test_keys_that_json_would_mix_up_are_refused_not_lost(data: Any) -> None:
    model = LogisticRegression().fit(data.full, data.y)
    model.notes_ = {1: "one", "1": "text"}
    with pytest.raises(RefusedError):
        save_model(model, where=WHERE)


def test_files_of_another_layout_are_corrupt(forest: Any) -> None:
    saved = save_model(forest, where=WHERE)
    with pytest.raises(CorruptError, match=r"model\.skops"):
        load_model(type(saved)("skops", {"other": b""}), what="late@1")


def test_isotonic_regression_alone_scores(data: Any) -> None:
    frame = data.full.select("b")
    saved = save_model(IsotonicRegression().fit(frame, data.y), where=WHERE, sample=frame)
    assert load_model(saved, what="late@1").score(frame).shape == (frame.height,)


def test_every_entry_of_the_list_has_a_reason_and_no_loader_makes_calls_by_name() -> None:
    assert all(OBJECTS.values())
    assert not {"MethodNode", "OperatorFuncNode", "ConstructorFromReduceNode", "RandomGeneratorNode"} & set(PLAIN)
    assert set(DROPPED) <= set(OBJECTS)
    assert "builtins.eval" not in TRUSTED
    assert all(name.startswith(("sklearn.", "numpy.")) for name in TRUSTED if name != "functools.partial")
