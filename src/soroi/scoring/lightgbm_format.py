"""LightGBM models in its own text format, without the parameters of training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.digest import digest_bytes
from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring.lightgbm_text import check_text
from soroi.scoring.scorer import Scorer, check_classes, checked_scores

TEXT, FACTS = "model.txt", "model.json"
"""Names of the two files: LightGBM's text, and what soroi knows about it."""

_REGRESSION = frozenset(
    {"regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"}
)
_PARAMETERS = re.compile(r"\n+(?:parameters:.*\nend of parameters\n+)?(?=pandas_categorical:)", re.DOTALL)
_FEW = 512


class _Facts(msgspec.Struct, frozen=True):
    classifier: bool
    digest: str


class LightgbmFormat:
    """LightGBM boosters and its scikit-learn estimators, binary or regression."""

    name = "lightgbm"

    def accepts(self, model: object) -> bool:
        """Whether the model's class is LightGBM's."""
        return is_lightgbm(model)

    def save(self, model: object, *, where: str) -> dict[str, bytes]:
        """The model as text and facts; see :meth:`soroi.scoring.formats.ModelFormat.save`."""
        scorer = lightgbm_scorer(model, where)
        text = model_text(scorer.booster)
        check_text(text)
        if model_text(_booster(text, where)) != text:
            raise RefusedError("the LightGBM model does not survive saving", where=where)
        data = text.encode()
        facts = _Facts(scorer.classifier, digest_bytes("lightgbm", data))
        return {TEXT: data, FACTS: msgspec.json.encode(facts)}

    def load(self, files: dict[str, bytes], *, what: str) -> Scorer:
        """The scorer; see :meth:`soroi.scoring.formats.ModelFormat.load`."""
        if set(files) != {TEXT, FACTS}:
            raise CorruptError(f"{what}: a LightGBM model is {TEXT} and {FACTS}, found {sorted(files)}")
        try:
            facts = msgspec.json.decode(files[FACTS], type=_Facts)
            if msgspec.json.encode(facts) != files[FACTS] or digest_bytes("lightgbm", files[TEXT]) != facts.digest:
                raise ValueError("its bytes are not what its digest says")
            text = files[TEXT].decode()
            check_text(text)
        except (ValueError, KeyError, OverflowError, msgspec.DecodeError) as error:
            raise CorruptError(f"{what}: the LightGBM model is damaged: {error}") from error
        scorer = lightgbm_scorer(_booster(text, what), what)
        if scorer.classifier != facts.classifier:
            raise CorruptError(f"{what}: the LightGBM model is not of the kind it says")
        return scorer


@dataclass(frozen=True)
class LightgbmScorer:
    """Scores with a LightGBM booster. Columns are matched by position."""

    booster: Any
    """The ``lightgbm.Booster``."""

    what: str
    """Name used in messages."""

    classifier: bool
    """Whether the score is the probability of the positive class."""

    features: int
    """How many columns the model takes."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row; see :meth:`soroi.scoring.scorer.Scorer.score`."""
        if rows.width != self.features:
            raise DataError(f"{self.what}: the model takes {self.features} columns, given {rows.width}")
        for name, dtype in rows.schema.items():
            if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
                hint = "make it a number in the features function"
                raise DataError(f"{self.what}: column '{name}' is {dtype}, not a number", hint=hint, column=name)
        if rows.height == 0:
            return np.empty(0, dtype=np.float64)
        values = rows.select(pl.all().cast(pl.Float64)).to_numpy(order="c")
        threads = {"num_threads": 1} if rows.height <= _FEW else {}
        try:
            made = self.booster.predict(values, **threads)
        except Exception as error:
            raise DataError(f"{self.what}: LightGBM cannot score these rows: {error}") from error
        return checked_scores(made, rows.height, self.what)


def is_lightgbm(model: object) -> bool:
    """Whether the class of a model is one of LightGBM's. Does not import it."""
    return type(model).__module__.partition(".")[0] == "lightgbm"


def lightgbm_scorer(model: Any, what: str) -> LightgbmScorer:
    """A scorer for a booster or a fitted LightGBM estimator.

    Raises:
        RefusedError: It is not fitted, or neither binary nor a regression, or takes pandas categories.
    """
    if hasattr(model, "classes_") or hasattr(model, "booster_") or not hasattr(model, "model_to_string"):
        if not getattr(model, "fitted_", False):
            raise RefusedError(f"{what}: {type(model).__name__} is not fitted", hint="return it after fit")
        if hasattr(model, "classes_"):
            check_classes(model.classes_, f"{what}: {type(model).__name__}")
        model = model.booster_
    if model.pandas_categorical:
        hint = "encode them as integers in the features function and name them in categorical_feature"
        raise RefusedError(f"{what}: the LightGBM model was trained on pandas categories", hint=hint)
    match = re.search(r"^objective=(\S+)", model.model_to_string(), re.MULTILINE)
    objective = match[1] if match else "none"
    if objective not in _REGRESSION | {"binary"} or model.num_model_per_iteration() != 1:
        hint = "use the objective 'binary', or one of: " + ", ".join(sorted(_REGRESSION))
        raise RefusedError(f"{what}: a LightGBM model with the objective '{objective}' gives no score", hint=hint)
    return LightgbmScorer(model, what, objective == "binary", model.num_feature())


def model_text(booster: Any) -> str:
    """LightGBM's text without the parameters of training: they name threads, paths and machines."""
    text: str = booster.model_to_string()
    return _PARAMETERS.sub("\n\n", text)


def _booster(text: str, what: str) -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError:
        hint = "install it: pip install 'soroi[lightgbm]'"
        raise RefusedError(f"{what}: this model needs the package lightgbm", hint=hint) from None
    except OSError as error:
        hint = "install the OpenMP runtime (Debian and Ubuntu: apt-get install libgomp1)"
        raise RefusedError(f"{what}: lightgbm cannot load its library: {error}", hint=hint) from None
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise CorruptError(f"{what}: LightGBM cannot read the model: {error}") from error
