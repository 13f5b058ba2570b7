"""Three models and what they are asked. Imports only NumPy and scikit-learn: it runs in every system's environment.

``a``: a scaler and a logistic regression on 30 numbers; ``b``: histogram boosting, 200 rounds, on 30 numbers; ``c``:
TF-IDF with 20,000 words and a logistic regression on short texts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MODELS = ("a", "b", "c")
COLUMNS = tuple(f"x{place:02d}" for place in range(30))
"""The numbers of a row of ``a`` and ``b``."""

TEXT = "text"
"""The column of ``c``."""

ROWS = {"a": 8_000, "b": 8_000, "c": 30_000}
"""Rows with labels; all but the last :data:`HELD` are learned from."""

HELD = 1_440
"""Rows that soroi holds back, to set its threshold and to judge; the other systems learn from no other rows."""

ASKED = 256
"""How many different rows are asked about."""

WORDS, VOCABULARY = 60_000, 20_000
LETTERS = "abcdefghijklmnoprstuvw"


def is_text(model: str) -> bool:
    """Whether a model takes a text instead of numbers."""
    return model == "c"


def learned(model: str) -> tuple[Any, Any]:
    """What a model learns from: rows (n, 30) of numbers, or n texts; and labels (n,)."""
    rows, labels = labelled(model)
    return rows[:-HELD], labels[:-HELD]


def labelled(model: str) -> tuple[Any, Any]:
    """The same with the rows that are held back."""
    rows, labels = _made(model)
    return rows[: ROWS[model]], labels[: ROWS[model]]


def asked(model: str) -> list[Any]:
    """The rows that it is asked about: lists of 30 numbers, or texts. None of them was learned from."""
    rows, _ = _made(model)
    found = rows[ROWS[model] :]
    return list(found) if is_text(model) else [[float(one) for one in row] for row in found]


def estimator(model: str) -> Any:
    """The model, not fitted."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if model == "a":
        return make_pipeline(StandardScaler(), LogisticRegression())
    if model == "b":
        return HistGradientBoostingClassifier(max_iter=200, early_stopping=False, random_state=0)
    return make_pipeline(TfidfVectorizer(max_features=VOCABULARY), LogisticRegression(max_iter=500))


def fitted(model: str) -> Any:
    """The model, fitted."""
    return estimator(model).fit(*learned(model))


def probabilities(fit: Any, model: str) -> list[float]:
    """What a fitted model says of the rows that are asked, each asked alone."""
    import numpy as np

    rows = asked(model)
    return [float(fit.predict_proba([one] if is_text(model) else np.asarray([one]))[0, 1]) for one in rows]


@lru_cache(maxsize=3)
def _made(model: str) -> tuple[Any, Any]:
    return _texts(ROWS[model] + ASKED) if is_text(model) else _numbers(ROWS[model] + ASKED)


def _numbers(count: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, len(COLUMNS)))
    weights = rng.normal(size=len(COLUMNS))
    bent = rows @ weights + rows[:, 0] * rows[:, 1] + rng.normal(size=count)
    return rows, bent > 0.0


def _texts(count: int) -> tuple[list[str], Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    letters = np.array(list(LETTERS))
    lengths = rng.integers(3, 10, WORDS)
    drawn = letters[rng.integers(0, len(letters), (WORDS, 10))]
    words = ["".join(row[:length]) for row, length in zip(drawn, lengths, strict=True)]
    rarity = 1.0 / np.arange(10, WORDS + 10)
    chosen = rng.choice(WORDS, (count, 20), p=rarity / rarity.sum())
    sizes = rng.integers(8, 20, count)
    leaning = rng.normal(size=WORDS)
    texts = [" ".join(words[one] for one in row[:size]) for row, size in zip(chosen, sizes, strict=True)]
    lean = np.array([leaning[row[:size]].sum() for row, size in zip(chosen, sizes, strict=True)])
    return texts, lean + rng.normal(size=count) > 0.0
