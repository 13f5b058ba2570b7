"""Preprocessing steps of scikit-learn as recipes: what each makes of symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from soroi.scoring.program import Analyzer
from soroi.scoring.symbols import NOT_FILLED, Cell, Corpus, NotCompiled, Raw, Symbol, Term, Worked, as_number, worked

UNKNOWN_TEXT = "\x00 no such category"
"""A text that is no category of any model."""

_MOST_TERMS = 5_000_000
Step = Callable[[Any, Sequence[Symbol]], list[Symbol]]


def through(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    """What a fitted step makes of symbols.

    Raises:
        NotCompiled: The step is not known, or an option of it is not.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return list(symbols)
    known = _steps().get(type(step))
    if known is not None:
        return known(step, symbols)
    if hasattr(step, "get_support") and type(step).__module__.startswith("sklearn.feature_selection."):
        return [one for one, kept in zip(symbols, step.get_support(), strict=True) if kept]
    raise NotCompiled(f"{type(step).__name__} is not compiled")


def _steps() -> dict[type[Any], Step]:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        MaxAbsScaler,
        MinMaxScaler,
        OneHotEncoder,
        OrdinalEncoder,
        RobustScaler,
        StandardScaler,
        TargetEncoder,
    )

    return {
        Pipeline: _pipeline,
        FeatureUnion: _union,
        ColumnTransformer: _columns,
        StandardScaler: lambda step, xs: _scaled(step, xs, ("-", "mean_"), ("/", "scale_")),
        RobustScaler: lambda step, xs: _scaled(step, xs, ("-", "center_"), ("/", "scale_")),
        MinMaxScaler: lambda step, xs: _scaled(step, xs, ("*", "scale_"), ("+", "min_")),
        MaxAbsScaler: lambda step, xs: _scaled(step, xs, ("/", "scale_")),
        SimpleImputer: _imputed,
        OneHotEncoder: _encoded,
        OrdinalEncoder: _encoded,
        TargetEncoder: _encoded,
        FunctionTransformer: _function,
        CountVectorizer: _counted,
        TfidfTransformer: _weighed,
        TfidfVectorizer: lambda step, xs: _weighed(step._tfidf, _counted(step, xs)),
    }


def _pipeline(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    made = list(symbols)
    for _, one in step.steps:
        made = through(one, made)
    return made


def _union(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    made: list[Symbol] = []
    for name, one in step.transformer_list:
        if isinstance(one, str) and one == "drop":
            continue
        weight = (step.transformer_weights or {}).get(name)
        part = through(one, symbols)
        made += part if weight is None else [worked(symbol, "*", float(weight)) for symbol in part]
    return made


def _columns(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    """Of a column transformer: each of its parts of its own columns, side by side."""
    made: list[Symbol] = []
    for name, one, _ in step.transformers_:
        places = step._transformer_to_input_indices[name]
        if (isinstance(one, str) and one == "drop") or not len(places):
            continue
        weight = (step.transformer_weights or {}).get(name)
        part = through(one, [symbols[place] for place in places])
        made += part if weight is None else [worked(symbol, "*", float(weight)) for symbol in part]
    return made


def _scaled(step: Any, symbols: Sequence[Symbol], *ops: tuple[str, str]) -> list[Symbol]:
    if getattr(step, "clip", False):
        raise NotCompiled(f"{type(step).__name__}(clip=True) is not compiled")
    made = list(symbols)
    for op, name in ops:
        constants = getattr(step, name, None)
        if constants is not None and _switched_on(step, name):
            made = [worked(one, op, float(c)) for one, c in zip(made, constants, strict=True)]
    return made


def _switched_on(step: Any, name: str) -> bool:
    """Whether a scaler uses what it learned: ``with_mean=False`` keeps a mean that it does not subtract."""
    option = {"mean_": "with_mean", "center_": "with_centering"}.get(name)
    if name == "scale_":
        option = "with_std" if hasattr(step, "with_std") else "with_scaling"
    return bool(getattr(step, option, True)) if option else True


def _imputed(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    missing = step.missing_values
    if step.add_indicator or not (missing is None or (isinstance(missing, float) and missing != missing)):
        raise NotCompiled("SimpleImputer with an indicator or another missing value is not compiled")
    made: list[Symbol] = []
    for symbol, statistic in zip(symbols, step.statistics_, strict=True):
        if isinstance(symbol, Raw) and not symbol.numeric:
            made.append(replace(symbol, fill=statistic) if symbol.fill is NOT_FILLED else symbol)
            continue
        filled = float(statistic)
        if filled != filled:
            raise NotCompiled("SimpleImputer drops a column that was always missing")
        made.append(worked_fill(as_number(symbol), filled))
    return made


def worked_fill(symbol: Symbol, constant: float) -> Symbol:
    """A number in which a constant stands for NaN."""
    if not isinstance(symbol, Worked):
        raise NotCompiled("a missing value is filled in after encoding")
    return replace(symbol, ops=(*symbol.ops, ("fill", constant)))


def _encoded(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    """What an encoder gives for each category, found by asking it: options and rare categories included."""
    columns = [_categories(categories) for categories in step.categories_]
    if len(columns) != len(symbols) or not all(isinstance(one, Raw) for one in symbols):
        raise NotCompiled(f"{type(step).__name__} after another step is not compiled")
    widths = _widths(step, len(columns))
    text = any(isinstance(key, str) for keys in columns for key in keys)
    dtype: Any = object if text else np.float64
    firsts = [keys[0] for keys in columns]
    height = max(len(keys) for keys in columns)
    grid = np.array([[keys[row] if row < len(keys) else keys[0] for keys in columns] for row in range(height)], dtype)
    known = _asked(step, grid)
    if known is None or known.shape[1] != sum(widths):
        raise NotCompiled(f"{type(step).__name__} cannot be asked for its categories")
    made: list[Symbol] = []
    for place, (symbol, keys) in enumerate(zip(symbols, columns, strict=True)):
        assert isinstance(symbol, Raw)
        start = sum(widths[:place])
        span = slice(start, start + widths[place])
        odd: Any = UNKNOWN_TEXT if isinstance(keys[0], str) else float(max(keys)) + 1.0
        unknown, missing = (_row(step, firsts, place, one, dtype, span) for one in (odd, None if text else np.nan))
        if symbol.fill is not NOT_FILLED:
            missing = known[keys.index(symbol.fill), span] if symbol.fill in keys else unknown
        made += _cells(symbol.column, keys, known[:, span], missing, unknown)
    return made


def _cells(column: int, keys: Sequence[Any], rows: Any, missing: Any, unknown: Any) -> list[Symbol]:
    return [
        Cell(
            column,
            {key: float(rows[row, at]) for row, key in enumerate(keys)},
            None if missing is None else float(missing[at]),
            None if unknown is None else float(unknown[at]),
        )
        for at in range(rows.shape[1])
    ]


def _categories(categories: Any) -> list[Any]:
    """The categories that are not missing, as plain values."""
    found = [one for one in np.asarray(categories).tolist() if one is not None and one == one]
    if not found or len({isinstance(one, str) for one in found}) > 1:
        raise NotCompiled("an encoder has no categories, or such of several types")
    return found


def _widths(step: Any, count: int) -> list[int]:
    if hasattr(step, "_n_features_outs"):
        return [int(one) for one in step._n_features_outs]
    if getattr(step, "target_type_", "binary") == "multiclass":
        raise NotCompiled("TargetEncoder of several classes is not compiled")
    return [1] * count


def _row(step: Any, firsts: Sequence[Any], place: int, value: Any, dtype: Any, span: slice) -> Any:
    row = list(firsts)
    row[place] = value
    made = _asked(step, np.array([row], dtype=dtype))
    return None if made is None else made[0, span]


def _asked(step: Any, values: Any) -> Any:
    """The encoder's numbers for rows, shape ``(n, outputs)``; ``None``: it refuses them."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = step.transform(values)
        except (ValueError, TypeError):
            return None
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)


def _function(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    from sklearn.utils import check_array

    checks_only = isinstance(step.func, partial) and step.func.func is check_array  # of histogram boosting
    if step.func is not None and not checks_only:
        raise NotCompiled("FunctionTransformer with a function is not compiled")
    return list(symbols)


def _counted(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    if len(symbols) != 1 or not isinstance(symbols[0], Raw) or symbols[0].numeric:
        raise NotCompiled("a vectorizer takes one column of text")
    fill = symbols[0].fill
    custom = (step.preprocessor, step.tokenizer)
    if any(one is not None for one in custom) or callable(step.analyzer) or callable(step.strip_accents):
        raise NotCompiled("a vectorizer with a function of its own is not compiled")
    if fill is not NOT_FILLED or step.input != "content" or np.dtype(step.dtype) == np.float32:
        raise NotCompiled("a vectorizer with such options is not compiled")
    low, high = step.ngram_range
    rules = Analyzer(
        kind=step.analyzer,
        low=int(low),
        high=int(high),
        lowercase=bool(step.lowercase),
        accents=step.strip_accents,
        pattern=step.token_pattern or "",
        stop=sorted(step.get_stop_words() or []) if step.analyzer == "word" else [],
    )
    terms = sorted(step.vocabulary_, key=lambda term: int(step.vocabulary_[term]))
    if not terms or len(terms) > _MOST_TERMS:
        raise NotCompiled("a vectorizer has no terms, or too many")
    corpus = Corpus(symbols[0].column, rules, terms, bool(step.binary))
    return [Term(corpus, place) for place in range(len(terms))]


def _weighed(step: Any, symbols: Sequence[Symbol]) -> list[Symbol]:
    """Of tf-idf weights: the same terms of a corpus with weights and a norm."""
    first = symbols[0] if symbols else None
    if not isinstance(first, Term) or first.corpus.weighed or len(symbols) != len(first.corpus.terms):
        raise NotCompiled("TfidfTransformer takes the counts of one vectorizer")
    if any(not isinstance(one, Term) or one.corpus is not first.corpus or one.factor != 1.0 for one in symbols):
        raise NotCompiled("TfidfTransformer takes the counts of one vectorizer")
    corpus = replace(
        first.corpus,
        sublinear=bool(step.sublinear_tf),
        idf=[float(one) for one in step.idf_] if step.use_idf else None,
        norm=step.norm,
        weighed=True,
    )
    return [replace(one, corpus=corpus) for one in symbols if isinstance(one, Term)]
