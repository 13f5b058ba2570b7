from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from tests.scoring.ways import agree, chosen, refused

from soroi.scoring import choose_scorer, input_columns
from soroi.scoring.program import Analyzer
from soroi.scoring.scorer import sklearn_scorer
from soroi.scoring.words import analyzer_of

DRAWN = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WORDS = ("Red", "fox", "the", "dog", "Éclair", "x", "jumps", "2nd", "naïve", "日本")
TEXTS = st.text(alphabet="abÉï \n\tA1-日\u0301ß", max_size=24)


def corpus(n: int = 80) -> tuple[pl.DataFrame, Any]:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(0, 9))) for _ in range(n)]
    frame = pl.DataFrame({"t": texts, "x": rng.normal(size=n)})
    y = np.array(["fox" in text for text in texts])
    y[:2] = [False, True]
    return frame, y


@DRAWN
@given(
    kind=st.sampled_from(["word", "char", "char_wb"]),
    low=st.integers(1, 3),
    more=st.integers(0, 2),
    lowercase=st.booleans(),
    accents=st.sampled_from([None, "unicode", "ascii"]),
    stop=st.sampled_from([None, "english", ["fox", "a"]]),
    pattern=st.sampled_from([r"(?u)\b\w\w+\b", r"\S+", r"(\w)\w*"]),
    texts=st.lists(TEXTS, min_size=1, max_size=5),
)
def test_texts_are_cut_into_the_terms_of_the_vectorizer(
    kind: str, low: int, more: int, lowercase: bool, accents: Any, stop: Any, pattern: str, texts: list[str]
) -> None:
    theirs = CountVectorizer(
        analyzer=kind,
        ngram_range=(low, low + more),
        lowercase=lowercase,
        strip_accents=accents,
        stop_words=stop if kind == "word" else None,
        token_pattern=pattern if kind == "word" else None,
    )
    words = sorted(theirs.get_stop_words() or [])
    ours = analyzer_of(Analyzer(kind, low, low + more, lowercase, accents, pattern, words))
    cut = theirs.build_analyzer()
    for text in texts:
        assert list(ours(text)) == list(cut(text))


@pytest.mark.parametrize("norm", [None, "l1", "l2"])
@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("binary", [True, False])
def test_weights_and_norms(extension: ModuleType, norm: Any, sublinear: bool, binary: bool) -> None:
    frame, y = corpus()
    words = TfidfVectorizer(norm=norm, sublinear_tf=sublinear, binary=binary, ngram_range=(1, 2))
    model = make_pipeline(make_column_transformer((words, "t")), LogisticRegression()).fit(frame[:60], y[:60])
    scorer, choice = chosen(model, frame, "text")
    odd = pl.DataFrame({"t": ["", "fox fox fox", "日本 日本", "never seen this", "fox\x00dog"], "x": [0.0] * 5})
    agree(scorer, choice, pl.concat([frame[60:70], odd]), extension)


@pytest.mark.parametrize(
    "steps",
    [
        (CountVectorizer(analyzer="char_wb", ngram_range=(2, 3), max_features=50),),
        (CountVectorizer(binary=True), TfidfTransformer(use_idf=False)),
        (TfidfVectorizer(), MaxAbsScaler()),
        (TfidfVectorizer(min_df=2), StandardScaler(with_mean=False)),
    ],
)
def test_steps_after_each_other_beside_numbers(extension: ModuleType, steps: Any) -> None:
    frame, y = corpus()
    taken = make_column_transformer((make_pipeline(*steps), "t"), (StandardScaler(), ["x"]))
    model = make_pipeline(taken, SGDClassifier(loss="log_loss", random_state=0)).fit(frame, y)
    scorer, choice = chosen(model, frame, "text")
    agree(scorer, choice, frame[:20], extension)


def test_a_missing_text_is_refused_by_name(extension: ModuleType) -> None:
    frame, y = corpus()
    model = make_pipeline(make_column_transformer((TfidfVectorizer(), "t")), LogisticRegression()).fit(frame, y)
    _, choice = chosen(model, frame, "text")
    refused(choice, pl.DataFrame({"t": [None], "x": [0.0]}, schema=frame.schema), extension, "column 't' is missing")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (HashingVectorizer(n_features=64), "HashingVectorizer is not compiled"),
        (TfidfVectorizer(tokenizer=str.split, token_pattern=None), "with a function of its own"),
        (TfidfVectorizer(dtype=np.float32), "with such options"),
    ],
)
def test_vectorizers_that_are_not_compiled(words: Any, reason: str) -> None:
    frame, y = corpus()
    model = make_pipeline(make_column_transformer((words, "t")), LogisticRegression()).fit(frame, y)
    choice = choose_scorer(sklearn_scorer(model, "m"), input_columns(frame), frame, what="m")
    assert choice.facts["kind"] == "estimator"
    assert reason in choice.facts["reason"]
