"""Model files and scorers: saving without pickle, loading what is on the reviewed list, proving it with canaries.

>>> saved = save_model(model, where="flights.py:41")          # doctest: +SKIP
>>> scorer = load_model(saved, what="late[ewr]@0123456789ab")  # doctest: +SKIP
>>> scorer.score(rows)                                        # doctest: +SKIP
"""

from __future__ import annotations

from soroi.scoring.canary import Canary, make_canary
from soroi.scoring.columns import InputColumn, conform, dtype_of, dtype_text, input_columns
from soroi.scoring.formats import ModelFormat, SavedModel, load_model, register_format, save_model
from soroi.scoring.scorer import Scorer

__all__ = [
    "Canary",
    "InputColumn",
    "ModelFormat",
    "SavedModel",
    "Scorer",
    "conform",
    "dtype_of",
    "dtype_text",
    "input_columns",
    "load_model",
    "make_canary",
    "register_format",
    "save_model",
]
