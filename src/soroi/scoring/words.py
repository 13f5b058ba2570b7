"""Texts as counted terms, without scikit-learn: the rules of its vectorizers, in their order."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from soroi.scoring.program import Analyzer, Words

_SPACES = re.compile(r"\s\s+")


def analyzer_of(rules: Analyzer) -> Callable[[str], Sequence[str]]:
    """The function that cuts a text into terms.

    Raises:
        ValueError: The pattern is not a regular expression of at most one group.
    """
    prepare = _preparing(rules)
    if rules.kind != "word":
        grams = _char_grams if rules.kind == "char" else _char_wb_grams
        return lambda text: grams(_SPACES.sub(" ", prepare(text)), rules.low, rules.high)
    try:
        pattern = re.compile(rules.pattern)
    except re.error as error:
        raise ValueError(f"the pattern of its tokens: {error}") from None
    if pattern.groups > 1:
        raise ValueError("the pattern of its tokens has several groups")
    find, stop, plain = pattern.findall, frozenset(rules.stop), rules.high == 1

    def terms(text: str) -> Sequence[str]:
        tokens: list[str] = find(prepare(text))
        if stop:
            tokens = [token for token in tokens if token not in stop]
        return tokens if plain else _word_grams(tokens, rules.low, rules.high)

    return terms


def sum_of(words: Words) -> Callable[[str], float]:
    """The function that gives the weighted sum of a text's terms, divided by their norm."""
    table = {term: pair for term, *pair in zip(words.terms, words.idf, words.weights, strict=True)}
    terms, find = analyzer_of(words.analyzer), table.get
    binary, sublinear, norm = words.binary, words.sublinear, words.norm

    def total(text: str) -> float:
        dot = size = 0.0
        for term, count in Counter(terms(text)).items():
            found = find(term)
            if found is None:
                continue
            idf, weight = found
            value = 1.0 if binary else float(count)
            if sublinear:
                value = math.log(value) + 1.0
            value *= idf
            dot += value * weight
            size += value * value if norm == "l2" else abs(value)
        if norm is None or size == 0.0:
            return dot
        return dot / (math.sqrt(size) if norm == "l2" else size)

    return total


def _preparing(rules: Analyzer) -> Callable[[str], str]:
    accents: Callable[[str], str] | None = {None: None, "unicode": _unicode, "ascii": _ascii}[rules.accents]
    if accents is None:
        return str.lower if rules.lowercase else str
    strip = accents
    return (lambda text: strip(text.lower())) if rules.lowercase else strip


def _unicode(text: str) -> str:
    if text.isascii():
        return text
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _word_grams(tokens: list[str], low: int, high: int) -> list[str]:
    made = list(tokens) if low == 1 else []
    for size in range(max(low, 2), min(high, len(tokens)) + 1):
        made += [" ".join(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]
    return made


def _char_grams(text: str, low: int, high: int) -> list[str]:
    made = list(text) if low == 1 else []
    for size in range(max(low, 2), min(high, len(text)) + 1):
        made += [text[at : at + size] for at in range(len(text) - size + 1)]
    return made


def _char_wb_grams(text: str, low: int, high: int) -> list[str]:
    made: list[str] = []
    for word in text.split():
        padded = f" {word} "
        for size in range(low, high + 1):
            made.append(padded[:size])
            made += [padded[at : at + size] for at in range(1, len(padded) - size + 1)]
            if size >= len(padded):  # a short word counts once
                break
    return made
