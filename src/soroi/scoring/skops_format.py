"""scikit-learn models as skops files: normal form out, audit before anything is made, guards before scoring."""

from __future__ import annotations

import warnings
from typing import Any

from soroi.base.errors import CorruptError, RefusedError, UnsafeArtefactError
from soroi.scoring.allowed import TRUSTED
from soroi.scoring.archive import unpack, unpack_foreign
from soroi.scoring.audit import audit
from soroi.scoring.guards import guard
from soroi.scoring.normal import normalise
from soroi.scoring.scorer import Scorer, sklearn_scorer

FILE = "model.skops"
"""Name of the one file of this format."""


class SkopsFormat:
    """scikit-learn estimators. See :mod:`soroi.scoring.normal` and :mod:`soroi.scoring.allowed`."""

    name = "skops"

    def accepts(self, model: object) -> bool:
        """Whether it is a scikit-learn estimator (LightGBM's are, but have their own format)."""
        return any(base.__module__ == "sklearn.base" for base in type(model).__mro__)

    def save(self, model: object, *, where: str) -> dict[str, bytes]:
        """The model as one file; see :meth:`soroi.scoring.formats.ModelFormat.save`."""
        fitted = unwrapped(model)
        sklearn_scorer(fitted, where)
        data = _dump(fitted, where)
        members = unpack(data, what=where)
        name = type(fitted).__name__
        hint = "look for dictionaries with mixed or unusual keys among its attributes"
        try:
            audit(members, what="it cannot be saved", where=where)
            again = _dump(_construct(data), where)
        except CorruptError as error:
            raise RefusedError(f"{name}: {error.message}", hint=hint, where=where) from error
        if again != data:
            reason = "what is loaded differs from what was saved"
            raise RefusedError(f"{name} does not survive saving: {reason}", hint=hint, where=where)
        return {FILE: data}

    def load(self, files: dict[str, bytes], *, what: str) -> Scorer:
        """The scorer; see :meth:`soroi.scoring.formats.ModelFormat.load`."""
        if set(files) != {FILE}:
            raise CorruptError(f"{what}: a skops model is one file {FILE}, found {sorted(files)}")
        audit(unpack(files[FILE], what=what), what=what)
        try:
            model = _construct(files[FILE])
            guard(model)
        except (Exception, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise CorruptError(f"{what}: the model file is not sound: {reason}") from error
        return sklearn_scorer(model, what)


def unwrapped(model: Any) -> Any:
    """The estimator that scores: of a search over parameters its best one, since the rest are timings.

    A search that was not refitted is returned as it is (and refused later).
    """
    from sklearn.model_selection._search import BaseSearchCV

    if isinstance(model, BaseSearchCV) and hasattr(model, "best_estimator_"):
        return model.best_estimator_
    return model


def _dump(model: Any, where: str) -> bytes:
    import skops.io

    try:
        return normalise(unpack_foreign(skops.io.dumps(model)))
    except (Exception, RecursionError) as error:
        raise UnsafeArtefactError(
            f"{type(model).__name__} cannot be written without pickle: {type(error).__name__}: {error}",
            where=where,
        ) from error


def _construct(data: bytes) -> Any:
    """The model of an archive that was audited.

    Another version of scikit-learn is not worth a warning here: the canary rows decide whether it scores
    the same.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return skops.io.loads(data, trusted=list(TRUSTED))
