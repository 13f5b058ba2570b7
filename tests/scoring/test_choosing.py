from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.scoring.ways import labels

from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring import InputColumn, RowScorer, Scorer, choose_scorer, input_columns, load_scorer, row_scorer
from soroi.scoring.choosing import MOST_ROWS, OUTPUT, compile_scorer
from soroi.scoring.formats import load_model, save_model
from soroi.scoring.program import Forest, Linear, Program, Table, encode_program, nodes_of
from soroi.scoring.scorer import sklearn_scorer

Change = Callable[[Any], Any]


def planted(change: Change) -> Callable[[Scorer, Sequence[InputColumn]], Program]:
    """A compiler that goes wrong in one place."""

    def compiler(scorer: Scorer, columns: Sequence[InputColumn]) -> Program:
        program = compile_scorer(scorer, columns)
        part = program.parts[0]
        return msgspec.structs.replace(program, parts=[msgspec.structs.replace(part, of=change(part.of))])

    return compiler


def linear() -> tuple[Scorer, pl.DataFrame]:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=80), "b": rng.integers(0, 9, 80), "w": rng.choice(["x", "y", "z"], 80)})
    frame = frame.with_columns(pl.when(pl.int_range(80) % 5 > 0).then(pl.col("w")))
    steps = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(handle_unknown="ignore"), ["w"]))
    model = make_pipeline(steps, LogisticRegression()).fit(frame, labels(rng, frame["a"].to_numpy()))
    return sklearn_scorer(model, "m"), frame


def trees() -> tuple[Scorer, pl.DataFrame]:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
    frame = frame.with_columns(pl.when(pl.int_range(80) % 5 > 0).then(pl.col("a")))
    y = labels(rng, frame["b"].to_numpy())
    return sklearn_scorer(HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3).fit(frame, y), "m"), frame


def off(linear: Linear) -> Linear:
    return msgspec.structs.replace(linear, intercept=linear.intercept + 1e-6)


def missing_is_another(linear: Linear) -> Linear:
    tables = [msgspec.structs.replace(one, missing=one.rows[0]) for one in linear.tables]
    return msgspec.structs.replace(linear, tables=tables)


def unknown_is_refused(linear: Linear) -> Linear:
    tables: list[Table] = [msgspec.structs.replace(one, unknown=None) for one in linear.tables]
    return msgspec.structs.replace(linear, tables=tables)


def other_threshold(forest: Forest) -> Forest:
    nodes = nodes_of(forest).copy()
    nodes["threshold"][0] += 0.5
    return msgspec.structs.replace(forest, nodes=nodes.tobytes())


def missing_goes_elsewhere(forest: Forest) -> Forest:
    nodes = nodes_of(forest).copy()
    nodes["flags"] ^= 1
    return msgspec.structs.replace(forest, nodes=nodes.tobytes())


@pytest.mark.parametrize(
    ("make", "change", "reason"),
    [
        (linear, off, "its scores differ by up to"),
        (linear, missing_is_another, "its scores differ by up to"),
        (linear, unknown_is_refused, "only the compiled scorer refuses some rows: m: column 'w' holds"),
        (trees, other_threshold, "its scores differ by up to"),
        (trees, missing_goes_elsewhere, "its scores differ by up to"),
    ],
)
def test_what_a_wrong_compiler_makes_is_not_taken(
    make: Callable[[], tuple[Scorer, pl.DataFrame]], change: Change, reason: str
) -> None:
    scorer, frame = make()
    assert choose_scorer(scorer, input_columns(frame), frame, what="m").facts["kind"] != "estimator"
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m", compiler=planted(change))
    assert choice.scorer is scorer
    assert choice.data is None
    assert reason in choice.facts["reason"]


def test_a_compiler_that_breaks_is_a_reason_and_no_error() -> None:
    def compiler(_scorer: Scorer, _columns: Sequence[InputColumn]) -> Program:
        raise AttributeError("no 'coef_' any more")

    scorer, frame = linear()
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m", compiler=compiler)
    assert choice.facts["reason"] == "the compiler failed: AttributeError: no 'coef_' any more"


def test_what_the_estimator_refuses_must_be_refused() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"a": rng.normal(size=60)})
    model = LogisticRegression().fit(frame, labels(rng, frame["a"].to_numpy()))
    holey = frame.with_columns(pl.when(pl.int_range(60) != 7).then(pl.col("a")))  # never missing in training

    def fills(of: Linear) -> Linear:
        return msgspec.structs.replace(of, terms=[msgspec.structs.replace(one, fill=0.0) for one in of.terms])

    columns, scorer = input_columns(holey), sklearn_scorer(model, "m")
    assert choose_scorer(scorer, columns, frame, what="m").facts["kind"] == "linear"
    choice = choose_scorer(scorer, columns, frame, what="m", compiler=planted(fills))
    assert "only the estimator refuses some rows" in choice.facts["reason"]


def test_a_scorer_of_another_format_and_a_column_of_dates_are_not_compiled() -> None:
    class Other:
        def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
            return np.zeros(rows.height)

    frame = pl.DataFrame({"a": [1.0]})
    assert choose_scorer(Other(), input_columns(frame), frame, what="m").facts["reason"] == "Other is not compiled"
    dated = frame.with_columns(d=pl.date(2026, 1, 1))
    found = choose_scorer(Other(), input_columns(dated), dated, what="m")
    assert found.facts["reason"] == "column 'd' is Date"


def test_of_many_rows_an_even_part_and_the_telling_ones_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ROWS > 1000
    monkeypatch.setattr("soroi.scoring.choosing.MOST_ROWS", 20)
    scorer, frame = linear()
    assert 20 <= choose_scorer(scorer, input_columns(frame), frame, what="m").facts["rows"] < 80


def kept(scorer: Scorer, model: Any, frame: pl.DataFrame) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts and outputs of a version, as a build keeps them."""
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m")
    saved = save_model(model, where="m")
    outputs = {f"file:{name}": data for name, data in saved.files.items()}
    if choice.data is not None:
        outputs[OUTPUT] = choice.data
    return {"format": saved.format, "scorer": choice.facts}, outputs


def test_a_version_is_loaded_with_the_scorer_that_was_chosen() -> None:
    scorer, frame = linear()
    facts, outputs = kept(scorer, scorer.estimator, frame)  # type: ignore[attr-defined]
    loaded = load_scorer(facts, outputs, outputs.__getitem__, what="v")
    assert isinstance(loaded, RowScorer)
    assert row_scorer(loaded) is loaded
    assert [loaded.one(row) for row in frame.rows()] == loaded.score(frame).tolist()
    del facts["scorer"]  # of a version built before there were any
    old = load_scorer(facts, outputs, outputs.__getitem__, what="v")
    assert row_scorer(old) is None
    np.testing.assert_allclose(old.score(frame), loaded.score(frame), rtol=0, atol=1e-9)


def test_a_version_whose_compiled_scorer_is_gone_or_damaged_is_refused() -> None:
    scorer, frame = linear()
    facts, outputs = kept(scorer, scorer.estimator, frame)  # type: ignore[attr-defined]
    with pytest.raises(CorruptError, match="v: its compiled scorer is not sound"):
        load_scorer(facts, outputs, lambda name: outputs[name][:-3], what="v")
    del outputs[OUTPUT]
    with pytest.raises(RefusedError, match="which it does not have"):
        load_scorer(facts, outputs, outputs.__getitem__, what="v")


def test_the_same_model_compiles_to_the_same_bytes() -> None:
    for make in (linear, trees):
        scorer, frame = make()
        one, two = (encode_program(compile_scorer(scorer, input_columns(frame))) for _ in range(2))
        assert one == two


def test_models_that_were_saved_and_loaded_compile_too() -> None:
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"a": rng.normal(size=60), "c": rng.choice(["u", "v"], 60)}).cast({"c": pl.Categorical})
    y = labels(rng, frame["a"].to_numpy())
    for model in (HistGradientBoostingClassifier(max_iter=3), RandomForestClassifier(3, n_jobs=2)):
        some = frame if isinstance(model, HistGradientBoostingClassifier) else frame.select("a")
        scorer = load_model(save_model(model.fit(some, y), where="m"), what="m")
        assert choose_scorer(scorer, input_columns(some), some, what="m").facts["kind"] == "trees"


SCRIPT = """
import sys
from pathlib import Path
import polars as pl
from soroi.scoring import load_scorer
facts = {"format": "skops", "scorer": {"kind": sys.argv[1]}}
scorer = load_scorer(facts, ["scorer"], lambda name: Path(sys.argv[2]).read_bytes(), what="v")
frame = pl.read_parquet(sys.argv[3])
assert scorer.score(frame).tolist() == [scorer.one(row) for row in frame.rows()]
heavy = {"sklearn", "scipy", "skops", "joblib", "lightgbm", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("make", [linear, trees])
@pytest.mark.parametrize("pure", ["", "1"])
def test_a_compiled_scorer_needs_no_package_that_trained_it(
    make: Callable[[], tuple[Scorer, pl.DataFrame]], pure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, frame = make()
    choice = choose_scorer(scorer, input_columns(frame), frame, what="m")
    assert choice.data is not None
    (tmp_path / "scorer").write_bytes(choice.data)
    frame.write_parquet(tmp_path / "rows.parquet")
    monkeypatch.setenv("SOROI_PURE_PYTHON", pure)
    arguments = [choice.facts["kind"], str(tmp_path / "scorer"), str(tmp_path / "rows.parquet")]
    subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=True, timeout=120)


def test_rows_that_lack_a_column_are_refused_by_name() -> None:
    for make in (linear, trees):
        scorer, frame = make()
        choice = choose_scorer(scorer, input_columns(frame), frame, what="m")
        with pytest.raises(DataError, match="column 'a' is missing"):
            choice.scorer.score(frame.drop("a"))
        assert choice.scorer.score(frame.clear()).shape == (0,)
