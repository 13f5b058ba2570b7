from __future__ import annotations

import builtins
import random
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest

from soroi.base.digest import digest_bytes
from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring import SavedModel, load_model, save_model
from soroi.scoring.lightgbm_format import LightgbmFormat

WHERE = "flights.py:41"
QUIET: dict[str, Any] = {"n_estimators": 4, "num_leaves": 6, "verbose": -1, "n_jobs": 1}


@pytest.fixture(scope="module")
def classifier(data: Any) -> Any:
    return lightgbm.LGBMClassifier(**QUIET).fit(data.numeric, data.y)


@pytest.fixture(scope="module")
def saved(classifier: Any) -> SavedModel:
    return save_model(classifier, where=WHERE)


def test_a_classifier_survives_saving_with_equal_scores(classifier: Any, saved: SavedModel, data: Any) -> None:
    assert saved.format == "lightgbm"
    scores = load_model(saved, what="late@1").score(data.numeric)
    assert scores.tobytes() == np.ascontiguousarray(classifier.predict_proba(data.numeric)[:, 1]).tobytes()


def test_a_booster_and_its_classifier_are_the_same_files(classifier: Any, saved: SavedModel, data: Any) -> None:
    assert save_model(classifier.booster_, where=WHERE, sample=data.numeric) == saved


@pytest.mark.parametrize("objective", ["regression", "quantile", "poisson"])
def test_a_regressor_survives_saving(objective: str, data: Any) -> None:
    target = data.X["b"].to_numpy()
    model = lightgbm.LGBMRegressor(objective=objective, **QUIET).fit(data.numeric, target)
    kept = save_model(model, where=WHERE, sample=data.numeric)
    np.testing.assert_array_equal(load_model(kept, what="v").score(data.numeric), model.predict(data.numeric))


def test_integers_as_categories_survive_saving(data: Any) -> None:
    rng = np.random.default_rng(1)
    frame = data.numeric.with_columns(k=pl.Series(rng.integers(0, 40, data.X.height)))
    target = frame["k"].to_numpy() % 3 == 0
    model = lightgbm.LGBMClassifier(**QUIET, min_data_per_group=5).fit(frame, target, categorical_feature=[2])
    assert b"cat_threshold" in save_model(model, where=WHERE, sample=frame).files["model.txt"]


def test_the_number_of_threads_and_paths_are_not_in_the_file(data: Any, saved: SavedModel) -> None:
    other = lightgbm.LGBMClassifier(**{**QUIET, "n_jobs": 2}).fit(data.numeric, data.y)
    assert save_model(other, where=WHERE) == saved
    assert b"parameters:" not in saved.files["model.txt"]


def test_few_and_many_rows_score_the_same_bits(saved: SavedModel, data: Any) -> None:
    scorer = load_model(saved, what="late@1")
    many = pl.concat([data.numeric] * 4)
    assert scorer.score(many)[:240].tobytes() == scorer.score(data.numeric).tobytes()
    assert scorer.score(data.numeric[:0]).shape == (0,)


def test_200_flipped_bytes_are_all_found(saved: SavedModel) -> None:
    generator = random.Random(5)
    for _ in range(200):
        name = generator.choice(sorted(saved.files))
        held = bytearray(saved.files[name])
        held[generator.randrange(len(held))] ^= 1 << generator.randrange(8)
        with pytest.raises(CorruptError):
            load_model(SavedModel("lightgbm", {**saved.files, name: bytes(held)}), what="late@1")


def _signed(text: bytes, classifier: bool = True) -> SavedModel:
    facts = {"classifier": classifier, "digest": digest_bytes("lightgbm", text)}
    written = str(facts).replace("'", '"').replace("True", "true").replace("False", "false")
    return SavedModel("lightgbm", {"model.txt": text, "model.json": written.replace(" ", "").encode()})


def test_a_child_index_out_of_range_is_found_though_the_digest_is_right(saved: SavedModel) -> None:
    text = saved.files["model.txt"]
    line = next(one for one in text.splitlines() if one.startswith(b"left_child="))
    digits = b"left_child=" + b"9" * (len(line) - len(b"left_child="))
    with pytest.raises(CorruptError, match="damaged"):
        load_model(_signed(text.replace(line, digits, 1)), what="late@1")
    load_model(_signed(text), what="late@1")


def test_files_that_lie_about_their_kind_are_corrupt(saved: SavedModel) -> None:
    with pytest.raises(CorruptError, match="kind"):
        load_model(_signed(saved.files["model.txt"], classifier=False), what="late@1")
    with pytest.raises(CorruptError, match=r"model\.json"):
        load_model(SavedModel("lightgbm", {"model.txt": b""}), what="late@1")


def test_several_classes_rankings_and_unfitted_models_are_refused(data: Any) -> None:
    three = lightgbm.LGBMClassifier(**QUIET).fit(data.numeric, data.X["b"].to_numpy() % 3)
    with pytest.raises(RefusedError, match=r"classes \[0, 1, 2\]"):
        save_model(three, where=WHERE)
    with pytest.raises(RefusedError, match="multiclass"):
        save_model(three.booster_, where=WHERE)
    with pytest.raises(RefusedError, match="not fitted"):
        save_model(lightgbm.LGBMClassifier(), where=WHERE)
    ranker = lightgbm.LGBMRanker(**QUIET).fit(data.numeric, data.y.astype(int), group=[data.X.height])
    with pytest.raises(RefusedError, match="lambdarank"):
        save_model(ranker, where=WHERE)


def test_pandas_categories_are_refused(classifier: Any) -> None:
    class Coded:
        """A booster trained on pandas categories."""

        pandas_categorical = ((1, 2),)
        model_to_string = classifier.booster_.model_to_string

    with pytest.raises(RefusedError, match="pandas"):
        LightgbmFormat().save(Coded(), where=WHERE)


def test_text_columns_and_other_widths_are_data_errors(saved: SavedModel, data: Any) -> None:
    scorer = load_model(saved, what="late@1")
    with pytest.raises(DataError, match="column 'c' is String") as caught:
        scorer.score(data.X.select("a", "c"))
    assert caught.value.fields["column"] == "c"
    with pytest.raises(DataError, match="takes 2 columns, given 1"):
        scorer.score(data.X.select("a"))


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ModuleNotFoundError("No module named 'lightgbm'"), "soroi[lightgbm]"),
        (OSError("libgomp.so.1: cannot open shared object file"), "libgomp1"),
    ],
)
def test_without_lightgbm_the_error_says_what_to_install(
    error: Exception, hint: str, saved: SavedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "lightgbm":
            raise error
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(RefusedError, match="late@1") as caught:
        load_model(saved, what="late@1")
    monkeypatch.undo()
    assert caught.value.hint is not None
    assert hint in caught.value.hint
