"""The port for model formats, and the two functions everybody calls."""

from __future__ import annotations

from typing import Protocol

import msgspec
import polars as pl

from soroi.base.errors import CorruptError, RefusedError, SoroiError, UnsafeArtefactError
from soroi.scoring.scorer import Scorer


class SavedModel(msgspec.Struct, frozen=True):
    """A model as files."""

    format: str
    """Name of the format: ``skops`` or ``lightgbm``."""

    files: dict[str, bytes]
    """File name → content. The same fitted model always gives the same bytes."""


class ModelFormat(Protocol):
    """A way of writing models as files. Implement it and call :func:`register_format` to add one."""

    name: str
    """Name kept in :attr:`SavedModel.format`. Never reused for another layout."""

    def accepts(self, model: object) -> bool:
        """Whether this format is the one for the model. Must not import anything heavy."""
        ...

    def save(self, model: object, *, where: str) -> dict[str, bytes]:
        """The model's files, the same bytes for the same fitted model.

        Raises:
            UnsafeArtefactError: Loading would need code that is not on the reviewed list.
            RefusedError: The model cannot give a score.
        """
        ...

    def load(self, files: dict[str, bytes], *, what: str) -> Scorer:
        """The scorer of files made by :meth:`save`, executing nothing that is not on the reviewed list.

        Raises:
            UnsafeArtefactError: The files name code that is not on the reviewed list.
            CorruptError: The files are damaged.
        """
        ...


_FORMATS: dict[str, ModelFormat] = {}


def register_format(model_format: ModelFormat) -> None:
    """Add a format. Formats registered later are asked first, those of soroi last.

    Raises:
        ValueError: The name is taken.
    """
    _builtin_formats()
    if model_format.name in _FORMATS:
        raise ValueError(f"the model format '{model_format.name}' is registered already")
    _FORMATS[model_format.name] = model_format


def save_model(model: object, *, where: str, sample: pl.DataFrame | None = None) -> SavedModel:
    """Write a fitted model as files, byte for byte the same for the same fitted model in every process.

    The files are loaded back before this returns: what is loaded must write the same bytes again and, when
    a sample is given, score it within 1e-9 of the model itself.

    Args:
        model: A fitted scikit-learn estimator (of a search over parameters, its best estimator is kept), a
            LightGBM booster or a LightGBM scikit-learn estimator.
        where: The place of the function that made it, for messages.
        sample: Some of its input rows. ``None`` compares the bytes only.

    Raises:
        UnsafeArtefactError: A type inside the model is not on the reviewed list; the message names it.
        RefusedError: The model gives no score (not fitted, several classes…), or does not survive saving.
    """
    _builtin_formats()
    for one in reversed(_FORMATS.values()):
        if one.accepts(model):
            saved = SavedModel(one.name, one.save(model, where=where))
            scorer = load_model(saved, what=where)
            if sample is not None:
                _compare(model, scorer, sample, where)
            return saved
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise UnsafeArtefactError(
        f"a model of type {kind} has no format on the reviewed list",
        hint="return a scikit-learn estimator or a LightGBM model from the model function",
        where=where,
        type=kind,
    )


def load_model(saved: SavedModel, *, what: str) -> Scorer:
    """Load a model written by :func:`save_model`. Nothing outside the reviewed list is imported or called.

    Args:
        saved: The files.
        what: Name of the model version, for messages.

    Raises:
        UnsafeArtefactError: The files name code that is not on the reviewed list; the message names it.
        CorruptError: The files are damaged, or their content could make native code read out of bounds.
        RefusedError: The format is unknown, or the package that reads it is missing.
    """
    _builtin_formats()
    found = _FORMATS.get(saved.format)
    if found is None:
        known = ", ".join(sorted(_FORMATS))
        raise RefusedError(f"{what}: model format '{saved.format}' is not known here", hint=f"known: {known}")
    try:
        return found.load(saved.files, what=what)
    except SoroiError:
        raise
    except (Exception, RecursionError) as error:
        raise CorruptError(f"{what}: the model cannot be read: {type(error).__name__}: {error}") from error


def _compare(model: object, scorer: Scorer, sample: pl.DataFrame, where: str) -> None:
    import numpy as np

    from soroi.scoring.canary import TOLERANCE
    from soroi.scoring.lightgbm_format import is_lightgbm, lightgbm_scorer
    from soroi.scoring.scorer import sklearn_scorer
    from soroi.scoring.skops_format import unwrapped

    original = lightgbm_scorer(model, where) if is_lightgbm(model) else sklearn_scorer(unwrapped(model), where)
    worst = float(np.max(np.abs(original.score(sample) - scorer.score(sample)), initial=0.0))
    if worst > TOLERANCE:
        raise RefusedError(f"the saved model's scores differ from the model's by up to {worst:g}", where=where)


def _builtin_formats() -> None:
    if not _FORMATS:
        from soroi.scoring.lightgbm_format import LightgbmFormat
        from soroi.scoring.skops_format import SkopsFormat

        for one in (SkopsFormat(), LightgbmFormat()):
            _FORMATS[one.name] = one
