"""Compiled scorers beside the estimators they were compiled from: microseconds of CPU for one row and for a thousand.

    python -m bench.scorers [--rows 1000] [NAME…]

Each line: the model, its kind of scorer, the largest difference between their scores; for one row the estimator, the
compiled scorer in Python and with the extension; the same per call of many rows; how many times faster one row is.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from soroi import _native
from soroi.scoring import Scorer, choose_scorer, input_columns, load_model, save_model
from soroi.scoring.compiled import load_compiled

TRAINED = 4000
WORDS = 30_000
ROUNDS = 5
ENOUGH = 0.03


def numbers(columns: int, missing: bool = False) -> tuple[pl.DataFrame, Any]:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(TRAINED, columns))
    labels = values @ rng.normal(size=columns) + rng.normal(size=TRAINED) > 0
    if missing:
        values[rng.random(values.shape) < 0.1] = np.nan
    return pl.DataFrame(values, schema=[f"x{at}" for at in range(columns)]).fill_nan(None), labels


def texts() -> tuple[pl.DataFrame, Any]:
    """Texts of the length of a short message, of a vocabulary of more than twenty thousand words."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefghijklmnoprstuvw"), rng.integers(2, 9))) for _ in range(WORDS)])
    popular = (rng.pareto(0.6, (3 * TRAINED, 20)) * 20).astype(int) % WORDS
    made = [" ".join(words[row[: rng.integers(8, 20)]]) for row in popular]
    return pl.DataFrame({"text": made}), np.array([len(one) % 3 == 0 for one in made])


def mixed() -> tuple[pl.DataFrame, Any]:
    frame, labels = numbers(10, missing=True)
    rng = np.random.default_rng(1)
    cities = pl.Series("city", rng.choice([f"city {at}" for at in range(40)], TRAINED))
    return frame.with_columns(cities, kind=pl.Series(rng.choice(["a", "b", "c"], TRAINED))), labels


def models() -> dict[str, Callable[[], tuple[Any, pl.DataFrame]]]:
    """The models by name: each fits itself, and gives itself and its rows."""
    import lightgbm
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def fitted(model: Any, made: tuple[pl.DataFrame, Any], *, plain: bool = False) -> tuple[Any, pl.DataFrame]:
        frame, labels = made
        return model.fit(frame.to_numpy() if plain else frame, labels), frame

    linear = make_pipeline(StandardScaler(), LogisticRegression())
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), [f"x{at}" for at in range(10)]),
        (OneHotEncoder(handle_unknown="ignore"), ["city", "kind"]),
    )
    words = make_column_transformer((TfidfVectorizer(max_features=20_000), "text"))
    return {
        "linear": lambda: fitted(linear, numbers(30)),
        "one-hot": lambda: fitted(make_pipeline(columns, LogisticRegression(max_iter=500)), mixed()),
        "histogram": lambda: fitted(HistGradientBoostingClassifier(max_iter=200), numbers(30, missing=True)),
        "boosting": lambda: fitted(GradientBoostingClassifier(n_estimators=200), numbers(30)),
        "forest": lambda: fitted(RandomForestClassifier(100, n_jobs=1), numbers(30)),
        "lightgbm": lambda: fitted(lightgbm.LGBMClassifier(n_estimators=200, verbose=-1), numbers(30), plain=True),
        "tf-idf": lambda: fitted(make_pipeline(words, LogisticRegression(max_iter=500)), texts()),
    }


def microseconds(call: Callable[[], object]) -> float:
    """Median over rounds of a call's mean processor time, in microseconds."""
    call()
    began = time.process_time()
    call()
    times = max(int(ENOUGH / max(time.process_time() - began, 1e-7)), 1)
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - began) / times)
    return statistics.median(found) * 1e6


def each_row(one: Callable[[Any], float], rows: list[Any]) -> float:
    """Microseconds for one row, over rows that differ: branches are not learned by heart."""
    return microseconds(lambda: [one(row) for row in rows]) / len(rows)


def measure(name: str, model: Any, frame: pl.DataFrame, many: int) -> str:
    scorer: Scorer = load_model(save_model(model, where=name), what=name)
    choice = choose_scorer(scorer, input_columns(frame), frame, what=name)
    if choice.data is None:
        return f"{name:10} not compiled: {choice.facts['reason']}"
    rows = frame[:many]
    values = rows.head(500).rows()
    first = rows[:1]
    ways = [load_compiled(choice.data, what=name, extension=one) for one in (None, _native.extension())]
    alone = [microseconds(lambda: scorer.score(first)), *(each_row(way.one, values) for way in ways)]
    together = [microseconds(lambda one=one: one.score(rows)) for one in (scorer, *ways)]  # type: ignore[misc]
    figures = [*alone, alone[0] / alone[2], *together, together[0] / together[2]]
    return f"{name:10} {choice.facts['kind']:7} {choice.facts['parity']:8.1e}" + "".join(f"{x:11.2f}" for x in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rows", type=int, default=1000)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    extension = "with the extension" if _native.extension() is not None else "WITHOUT the extension: both are Python"
    print(f"CPU µs per call, {extension}; many = {given.rows} rows")
    heads = ("estimator", "Python", "C", "times", "estimator", "Python", "C", "times")
    print(f"{'model':10} {'kind':7} {'parity':>8}" + "".join(f"{head:>11}" for head in heads))
    for name, make in models().items():
        if not given.names or name in given.names:
            print(measure(name, *make(), given.rows), flush=True)


if __name__ == "__main__":
    main()
