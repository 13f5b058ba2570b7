from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from soroi.base.errors import CorruptError, RefusedError, UnsafeArtefactError
from soroi.scoring import SavedModel, formats, load_model, register_format, save_model


class Constant:
    """A model that scores every row alike."""


class ConstantFormat:
    """A format that others add."""

    name = "constant"

    def accepts(self, model: object) -> bool:
        return isinstance(model, Constant)

    def save(self, model: object, *, where: str) -> dict[str, bytes]:
        return {"value": b"0.5"}

    def load(self, files: dict[str, bytes], *, what: str) -> ConstantScorer:
        return ConstantScorer(float(files["value"]))


class ConstantScorer:
    """Scores every row alike."""

    def __init__(self, value: float) -> None:
        self.value = value

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        return np.full(rows.height, self.value)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_FORMATS", {})


@pytest.mark.usefixtures("registry")
def test_a_format_added_by_others_is_used(data: Any) -> None:
    register_format(ConstantFormat())
    saved = save_model(Constant(), where="x")
    assert saved == SavedModel("constant", {"value": b"0.5"})
    assert load_model(saved, what="late@1").score(data.X).tolist() == [0.5] * data.X.height


@pytest.mark.usefixtures("registry")
def test_a_name_is_registered_once() -> None:
    register_format(ConstantFormat())
    with pytest.raises(ValueError, match="constant"):
        register_format(ConstantFormat())


@pytest.mark.usefixtures("registry")
def test_a_format_that_fails_to_read_reports_damage() -> None:
    register_format(ConstantFormat())
    for files in ({}, {"value": b"half"}):
        with pytest.raises(CorruptError, match="late@1"):
            load_model(SavedModel("constant", files), what="late@1")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(RefusedError, match="'pickle'") as caught:
        load_model(SavedModel("pickle", {}), what="late@1")
    assert caught.value.hint == "known: lightgbm, skops"


@pytest.mark.parametrize("model", [Constant(), 3, None, "model", lambda rows: rows, dict])
def test_a_model_of_an_unknown_type_is_refused_by_name(model: object) -> None:
    with pytest.raises(UnsafeArtefactError, match=type(model).__name__) as caught:
        save_model(model, where="flights.py:41")
    assert caught.value.where == "flights.py:41"


def test_a_saved_model_is_plain_data(forest: Any) -> None:
    saved = save_model(forest, where="x")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=SavedModel) == saved


def test_a_sample_that_scores_otherwise_is_refused(forest: Any, data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "load_model", lambda saved, what: ConstantScorer(0.25))
    with pytest.raises(RefusedError, match="differ"):
        save_model(forest, where="x", sample=data.numeric)


def test_importing_the_room_imports_no_model_library() -> None:
    check = (
        "import sys, soroi.scoring;"
        "print([one for one in ('sklearn', 'skops', 'lightgbm', 'scipy') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
