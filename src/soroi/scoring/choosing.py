"""Which scorer a model version answers with: compiled when that is proven to give the same scores, else its estimator.

The choice follows from the estimator and from :data:`COMPILER`; it is made once, when the version is built, and kept
in its facts. What was built before there were compiled scorers goes on with its estimator.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi import _native
from soroi.base.errors import DataError, RefusedError
from soroi.scoring.canary import TOLERANCE, choose_rows
from soroi.scoring.columns import InputColumn, dtype_of
from soroi.scoring.compiled import CompiledScorer, load_compiled
from soroi.scoring.formats import SavedModel, load_model
from soroi.scoring.program import Column, Part, Program, encode_program
from soroi.scoring.scorer import Scorer, SklearnScorer
from soroi.scoring.symbols import NotCompiled, Raw

COMPILER = 1
"""Version of the compiler, kept with each choice."""

OUTPUT = "scorer"
"""Name of the output that holds the compiled scorer."""

MOST_ROWS = 50_000
"""Most hold-out rows that are compared."""

_CANARIES = 64
_PROBED_ROWS = 4
_MANY_COLUMNS = 50
_MOST_PROBES = 4096
_WORDS = (pl.String, pl.Categorical)
Compiler = Callable[[Scorer, Sequence[InputColumn]], Program]


@dataclass(frozen=True)
class Choice:
    """The scorer of a model version."""

    scorer: Scorer
    """What scores from now on."""

    data: bytes | None
    """The compiled scorer to keep; ``None``: the estimator scores."""

    facts: dict[str, Any]
    """``kind`` (``linear``, ``text``, ``trees`` or ``estimator``) and ``compiler``; of a compiled one ``parity`` (the
    largest difference found), ``rows`` and ``probes`` (how many were compared); else ``reason``."""


def compile_scorer(scorer: Scorer, columns: Sequence[InputColumn]) -> Program:
    """A loaded model as a program.

    Args:
        scorer: The loaded model.
        columns: Its input columns, in order.

    Raises:
        NotCompiled: It, a step of it or an option is not known.
    """
    from soroi.scoring.lightgbm_format import LightgbmScorer, model_text

    symbols = {column.name: _symbol(place, column) for place, column in enumerate(columns)}
    taken = [Column(column.name, column.dtype) for column in columns]
    if isinstance(scorer, LightgbmScorer):
        from soroi.scoring.heads_lightgbm import lightgbm_part

        return Program(taken, [lightgbm_part(model_text(scorer.booster))])
    if not isinstance(scorer, SklearnScorer):
        raise NotCompiled(f"{type(scorer).__name__} is not compiled")
    from soroi.scoring.heads import parts_of

    names = [str(name) for name in getattr(scorer.estimator, "feature_names_in_", symbols)]
    if any(name not in symbols for name in names):
        raise NotCompiled("it takes other columns than the model")
    parts: list[Part] = parts_of(scorer.estimator, [symbols[name] for name in names])
    return Program(taken, parts)


def choose_scorer(
    scorer: Scorer,
    columns: Sequence[InputColumn],
    rows: pl.DataFrame,
    *,
    what: str,
    compiler: Compiler = compile_scorer,
) -> Choice:
    """Compile a model, and take what was compiled if it gives the same scores.

    Compared are hold-out rows and probes: missing values, unknown categories, empty texts. The largest difference
    must be at most :data:`~soroi.scoring.canary.TOLERANCE`; what one refuses the other must refuse; and one row at a
    time, with the extension and without, must give the same bits as all rows at once.

    Args:
        scorer: The loaded model.
        columns: Its input columns, in order.
        rows: Input rows that the model did not learn from, at least one.
        what: Name of the model version, for messages.
        compiler: What compiles it.
    """
    try:
        data = encode_program(compiler(scorer, columns))
        compiled = load_compiled(data, what=what)
    except NotCompiled as reason:
        return _estimator(scorer, str(reason))
    except Exception as error:  # another version of the package than the compiler knows
        return _estimator(scorer, f"the compiler failed: {type(error).__name__}: {error}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unknown categories, which are probed on purpose
        held, probes = _some(rows, MOST_ROWS), _probes(rows, columns)
        try:
            worst = max(_difference(scorer, compiled, held), _probed(scorer, compiled, probes))
            _same_bits(compiled, pl.concat([_some(rows, _CANARIES), probes.head(_CANARIES)]), data, what)
        except _Different as different:
            return _estimator(scorer, str(different))
    facts = {
        "kind": compiled.program.kind,
        "compiler": COMPILER,
        "parity": worst,
        "rows": held.height,
        "probes": probes.height,
    }
    return Choice(compiled, data, facts)


def load_scorer(facts: Mapping[str, Any], outputs: Iterable[str], read: Callable[[str], bytes], *, what: str) -> Scorer:
    """The scorer of a model version: the compiled one if it has one, else its estimator.

    Args:
        facts: The facts of the version.
        outputs: Names of its outputs.
        read: Gives the bytes of an output, checked against their digest.
        what: Name of the version, for messages.

    Raises:
        CorruptError: What is kept is not sound.
        UnsafeArtefactError: The estimator would need code that is not on the reviewed list.
        RefusedError: A newer soroi wrote it, or the package that reads the model is missing.
    """
    names = list(outputs)
    if facts.get("scorer", {}).get("kind", "estimator") != "estimator":
        if OUTPUT not in names:
            raise RefusedError(f"{what} answers with a compiled scorer, which it does not have")
        return load_compiled(read(OUTPUT), what=what)
    files = {name.removeprefix("file:"): read(name) for name in names if name.startswith("file:")}
    return load_model(SavedModel(facts["format"], files), what=what)


class _Different(Exception):  # noqa: N818  (caught here, and turned into the reason)
    """The compiled scorer does not give the same scores."""


def _estimator(scorer: Scorer, reason: str) -> Choice:
    return Choice(scorer, None, {"kind": "estimator", "compiler": COMPILER, "reason": reason})


def _symbol(place: int, column: InputColumn) -> Raw:
    dtype = dtype_of(column.dtype)
    if dtype.is_decimal() or dtype in (pl.Int128, pl.UInt64):
        raise NotCompiled(f"column '{column.name}' is {column.dtype}")
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        return Raw(place, numeric=True)
    if isinstance(dtype, (*_WORDS, pl.Enum)):
        return Raw(place, numeric=False)
    raise NotCompiled(f"column '{column.name}' is {column.dtype}")


def _some(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    if rows.height <= most:
        return rows
    telling = choose_rows(rows, min(_CANARIES, most))
    even = [step * rows.height // most for step in range(most)]
    return rows[sorted({*telling, *even})]


def _probes(rows: pl.DataFrame, columns: Sequence[InputColumn]) -> pl.DataFrame:
    """Rows that were not in the data: with missing values, unknown categories, empty texts, numbers beyond."""
    first = rows[choose_rows(rows, _PROBED_ROWS if len(columns) <= _MANY_COLUMNS else 1)]
    made = [
        first.with_columns(pl.lit(value, dtype=rows.schema[column.name]).alias(column.name))
        for column in columns
        for value in _odd_values(rows.get_column(column.name), column.nullable)
    ]
    return pl.concat(made)[:_MOST_PROBES] if made else rows.clear()


def _odd_values(series: pl.Series, nullable: bool) -> list[Any]:
    from soroi.scoring.steps import UNKNOWN_TEXT

    found: list[Any] = [None] if nullable else []
    if isinstance(series.dtype, _WORDS):
        return [*found, "", UNKNOWN_TEXT]
    if series.dtype.is_float():
        found += [float("nan")] if nullable else []
        numbers = series.filter(series.is_finite())
        found += [numbers.min() - 1.0, numbers.max() + 1.0] if numbers.len() else []  # type: ignore[operator]
    if series.dtype.is_signed_integer() and series.dtype != pl.Int128 and series.count():
        low, high = int(series.min()), int(series.max())  # type: ignore[arg-type]
        dtype: Any = series.dtype
        smallest, largest = (pl.select(bound).item() for bound in (dtype.min(), dtype.max()))
        found += [value for value in (low - 1, high + 1) if smallest <= value <= largest]
    return found


def _difference(scorer: Scorer, compiled: CompiledScorer, rows: pl.DataFrame) -> float:
    ours, theirs = _asked(compiled, rows), _asked(scorer, rows)
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return 0.0
        who, why = ("compiled scorer", ours) if isinstance(ours, str) else ("estimator", theirs)
        raise _Different(f"only the {who} refuses some rows: {why}")
    worst = float(np.max(np.abs(ours - theirs), initial=0.0))
    if worst > TOLERANCE:
        raise _Different(f"its scores differ by up to {worst:g}")
    return worst


def _probed(scorer: Scorer, compiled: CompiledScorer, probes: pl.DataFrame) -> float:
    """The largest difference on the probes; one by one when either refuses some of them."""
    if isinstance(_asked(scorer, probes), str) or isinstance(_asked(compiled, probes), str):
        return max(_difference(scorer, compiled, probes[row]) for row in range(probes.height))
    return _difference(scorer, compiled, probes)


def _asked(scorer: Scorer, rows: pl.DataFrame) -> npt.NDArray[np.float64] | str:
    try:
        return scorer.score(rows)
    except DataError as error:
        return error.message


def _same_bits(compiled: CompiledScorer, rows: pl.DataFrame, data: bytes, what: str) -> None:
    """Compare one row and many rows, with the extension and without."""
    ways = [compiled, load_compiled(data, what=what, extension=None)]
    if _native.extension() is not None:
        ways.append(load_compiled(data, what=what, extension=_native.extension()))
    alone = [[_one(way, values) for values in rows.rows()] for way in ways]
    taken = [type(one) is float for one in alone[0]]
    among = [way.score(rows.filter(taken)).tolist() for way in ways]
    whole = [one for one in alone[0] if type(one) is float]
    if any(one != alone[0] for one in alone) or any(one != whole for one in among):
        raise _Different("one row alone and among others do not give the same bits")


def _one(way: CompiledScorer, values: Sequence[Any]) -> float | str:
    try:
        return way.one(values)
    except DataError as error:
        return error.message
