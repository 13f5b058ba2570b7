"""Estimators as sums: linear models, trees, and means of either, with the functions applied to the sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from soroi.scoring.heads_trees import forest_part
from soroi.scoring.program import Key, Linear, Link, Part, Table, Term, Words
from soroi.scoring.steps import through
from soroi.scoring.symbols import Cell, Corpus, NotCompiled, Symbol, Worked, affine, as_number
from soroi.scoring.symbols import Term as Weighted

_LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
_PLAIN = (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge",
    "HuberRegressor", "QuantileRegressor", "SGDRegressor", "LinearSVR",
)  # fmt: skip
_MARGIN = ("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "SGDClassifier")
_GENERAL = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")


def parts_of(model: Any, symbols: Sequence[Symbol], *, margin: bool = False) -> list[Part]:
    """The parts whose mean is the model's score.

    Args:
        model: A fitted estimator of scikit-learn's.
        symbols: What it is given.
        margin: Whether its decision function is wanted, if it has one, instead of its score.

    Raises:
        NotCompiled: It is not known, or an option of it is not.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import VotingClassifier, VotingRegressor
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    kind = type(model)
    if kind is Pipeline:
        made = list(symbols)
        for _, step in model.steps[:-1]:
            made = through(step, made)
        return parts_of(model.steps[-1][1], made, margin=margin)
    if kind is FrozenEstimator:
        return parts_of(model.estimator, symbols, margin=margin)
    if kind is CalibratedClassifierCV:
        return [_calibrated(one, symbols) for one in model.calibrated_classifiers_]
    if kind in (VotingClassifier, VotingRegressor):
        if model.weights is not None or getattr(model, "voting", "soft") != "soft":
            raise NotCompiled("a vote with weights, or a hard one, is not compiled")
        return [_only(parts_of(one, symbols)) for one in model.estimators_]
    if kind.__module__.startswith("sklearn.") and kind.__name__ in (*_LOGISTIC, *_PLAIN, *_MARGIN, *_GENERAL):
        return [_linear(model, symbols, margin)]
    return [forest_part(model, symbols, margin=margin)]


def _only(parts: list[Part]) -> Part:
    if len(parts) != 1:
        raise NotCompiled("a mean of means is not compiled")
    return parts[0]


def _calibrated(one: Any, symbols: Sequence[Symbol]) -> Part:
    part = _only(parts_of(one.estimator, symbols, margin=True))
    (calibrator,) = one.calibrators if len(one.calibrators) == 1 else (None,)
    if one.method == "sigmoid" and calibrator is not None:
        link = Link("logistic", -float(calibrator.a_), -float(calibrator.b_))
    elif one.method == "isotonic" and calibrator is not None:
        xs, ys = calibrator.X_thresholds_, calibrator.y_thresholds_
        link = Link("isotonic", xs=[float(x) for x in xs], ys=[float(y) for y in ys])
        if any(right <= left for left, right in zip(link.xs, link.xs[1:], strict=False)):
            raise NotCompiled("an isotonic calibration whose places do not rise is not compiled")
    else:
        raise NotCompiled(f"calibration by {one.method} is not compiled")
    return Part(part.of, [*part.links, link])


def _linear(model: Any, symbols: Sequence[Symbol], margin: bool) -> Part:
    weights = np.asarray(model.coef_, dtype=np.float64)
    intercept = np.asarray(model.intercept_, dtype=np.float64).ravel()
    if weights.size != len(symbols) or intercept.size != 1:
        raise NotCompiled("a linear model of several outputs is not compiled")
    of = linear_sum(symbols, weights.ravel().tolist(), float(intercept[0]))
    return Part(of, _links(model, margin))


def _links(model: Any, margin: bool) -> list[Link]:
    name = type(model).__name__
    if name in _PLAIN or (margin and name not in _GENERAL):
        return []
    if name in _LOGISTIC:
        return [Link("logistic")]
    if name == "SGDClassifier":
        found = {"log_loss": "logistic", "modified_huber": "huber"}.get(model.loss)
        if found is not None:
            return [Link(found)]
    if name in _GENERAL:
        identity = type(model._base_loss.link).__name__ == "IdentityLink"
        return [] if identity else [Link("exp")]
    raise NotCompiled(f"{name} is not compiled")


def linear_sum(symbols: Sequence[Symbol], weights: Sequence[float], intercept: float) -> Linear:
    """The sum of weighted symbols: terms of numbers, one table for each categorical column, weighted words.

    Raises:
        NotCompiled: A symbol is text, or filled in after it was scaled.
    """
    terms: list[Term] = []
    cells: dict[int, list[tuple[Cell, float]]] = {}
    texts: dict[int, tuple[Corpus, list[float]]] = {}
    for symbol, weight in zip(symbols, weights, strict=True):
        one = as_number(symbol)
        if isinstance(one, Worked):
            fill, centre, scale = affine(one.ops)
            terms.append(Term(one.column, fill, centre, scale, weight))
        elif isinstance(one, Cell):
            cells.setdefault(one.column, []).append((one, weight))
        else:
            _weigh(texts, one, weight)
    tables = [_table(column, group) for column, group in cells.items()]
    return Linear(intercept, terms, tables, [_words(corpus, found) for corpus, found in texts.values()])


def _weigh(texts: dict[int, tuple[Corpus, list[float]]], term: Weighted, weight: float) -> None:
    _, weights = texts.setdefault(id(term.corpus), (term.corpus, [0.0] * len(term.corpus.terms)))
    weights[term.place] += weight * term.factor


def _table(column: int, cells: Sequence[tuple[Cell, float]]) -> Table:
    keys: list[Key] = list(dict.fromkeys(key for cell, _ in cells for key in cell.values))
    if any(key not in cell.values for cell, _ in cells for key in keys):
        raise NotCompiled("one column is encoded twice, with other categories")
    return Table(
        column,
        keys,
        [[_dot([(cell.values[key], weight) for cell, weight in cells])] for key in keys],
        _row([(cell.missing, weight) for cell, weight in cells]),
        _row([(cell.unknown, weight) for cell, weight in cells]),
    )


def _row(pairs: Sequence[tuple[float | None, float]]) -> list[float] | None:
    known = [(value, weight) for value, weight in pairs if value is not None]
    return [_dot(known)] if len(known) == len(pairs) else None


def _dot(pairs: Sequence[tuple[float, float]]) -> float:
    total = 0.0
    for value, weight in pairs:
        total += value * weight
    return total


def _words(corpus: Corpus, weights: list[float]) -> Words:
    return Words(
        corpus.column,
        corpus.analyzer,
        corpus.terms,
        corpus.idf or [1.0] * len(corpus.terms),
        weights,
        corpus.binary,
        corpus.sublinear,
        corpus.norm,
    )
