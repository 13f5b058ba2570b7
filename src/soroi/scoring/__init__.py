"""Model files and scorers: saving without pickle, loading what is on the reviewed list, proving it with canaries.

A model version answers with a compiled scorer where one is proven to give its scores, else with its estimator.

>>> saved = save_model(model, where="flights.py:41")          # doctest: +SKIP
>>> scorer = load_model(saved, what="late[ewr]@0123456789ab")  # doctest: +SKIP
>>> scorer.score(rows)                                        # doctest: +SKIP
"""

from __future__ import annotations

from soroi.scoring.canary import Canary, make_canary
from soroi.scoring.choosing import Choice, choose_scorer, load_scorer
from soroi.scoring.columns import InputColumn, conform, dtype_of, dtype_text, input_columns
from soroi.scoring.formats import ModelFormat, SavedModel, load_model, register_format, save_model
from soroi.scoring.rowwise import RowScorer, row_scorer
from soroi.scoring.scorer import Scorer

__all__ = [
    "Canary",
    "Choice",
    "InputColumn",
    "ModelFormat",
    "RowScorer",
    "SavedModel",
    "Scorer",
    "choose_scorer",
    "conform",
    "dtype_of",
    "dtype_text",
    "input_columns",
    "load_model",
    "load_scorer",
    "make_canary",
    "register_format",
    "row_scorer",
    "save_model",
]
