"""The columns a model takes: their names, order, types and whether they may be missing."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import msgspec
import polars as pl

from soroi.base.errors import DataError

_PLAIN: dict[str, pl.DataType] = {
    str(one): one
    for one in (
        pl.Boolean(), pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.Int128(),
        pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64(), pl.Float32(), pl.Float64(),
        pl.String(), pl.Categorical(), pl.Date(), pl.Time(), pl.Binary(), pl.Null(),
    )
}  # fmt: skip
_FORM = re.compile(r"(Enum|Datetime|Duration|Decimal|List)\((.*)\)", re.DOTALL)
_FEW_ROWS = 64
_WORDS = (pl.String, pl.Categorical, pl.Enum)


class InputColumn(msgspec.Struct, frozen=True):
    """One column of a model's input."""

    name: str
    """Name of the column."""

    dtype: str
    """Polars type as text; see :func:`dtype_text`."""

    nullable: bool
    """Whether it was missing (null or NaN) in some row at training. If not, a missing value is refused."""


def dtype_text(dtype: pl.DataType) -> str:
    """A Polars type as text that :func:`dtype_of` reads back.

    Forms: ``Int64``, ``Enum(["a","b"])``, ``Datetime(us,UTC)``, ``Duration(us)``, ``Decimal(38,2)``,
    ``List(Float64)``.

    Raises:
        DataError: A model cannot take columns of that type (struct, object…).
    """
    if isinstance(dtype, pl.Enum):
        return f"Enum({msgspec.json.encode(dtype.categories.to_list()).decode()})"
    if isinstance(dtype, pl.Datetime):
        return f"Datetime({dtype.time_unit},{dtype.time_zone or ''})"
    if isinstance(dtype, pl.Duration):
        return f"Duration({dtype.time_unit})"
    if isinstance(dtype, pl.Decimal):
        return f"Decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return f"List({dtype_text(inner if isinstance(inner, pl.DataType) else inner())})"
    if isinstance(dtype, pl.Categorical):
        return "Categorical"
    if str(dtype) in _PLAIN:
        return str(dtype)
    raise DataError(f"a model cannot take a column of type {dtype}")


@functools.lru_cache(maxsize=4096)
def dtype_of(text: str) -> pl.DataType:
    """The Polars type that :func:`dtype_text` wrote.

    Raises:
        DataError: The text is not of such a form.
    """
    if text in _PLAIN:
        return _PLAIN[text]
    match = _FORM.fullmatch(text)
    try:
        if match is not None:
            return _compound(match[1], match[2])
    except (ValueError, TypeError, msgspec.DecodeError):
        pass
    raise DataError(f"'{text}' is not the type of a column")


def _compound(form: str, inside: str) -> pl.DataType:
    if form == "Enum":
        return pl.Enum(msgspec.json.decode(inside, type=list[str]))
    if form == "Datetime":
        unit, _, zone = inside.partition(",")
        return pl.Datetime(unit, zone or None)  # type: ignore[arg-type]
    if form == "Duration":
        return pl.Duration(inside)  # type: ignore[arg-type]
    if form == "Decimal":
        precision, _, scale = inside.partition(",")
        return pl.Decimal(int(precision), int(scale))
    return pl.List(dtype_of(inside))


def input_columns(X: pl.DataFrame) -> list[InputColumn]:  # noqa: N803  the usual name of inputs
    """The columns of training input, in order.

    Raises:
        DataError: A column has a type no model can take; the message names the column.
    """
    columns = []
    for name, dtype in X.schema.items():
        try:
            text = dtype_text(dtype)
        except DataError as error:
            raise DataError(f"column '{name}': {error.message}", column=name) from None
        columns.append(InputColumn(name, text, _has_missing(X.get_column(name))))
    return columns


def conform(rows: pl.DataFrame, columns: Sequence[InputColumn], *, what: str) -> pl.DataFrame:
    """Rows as the model takes them: exactly its columns, in its order, of its types. Others are dropped.

    Values are cast only where nothing is lost: between integers, from integers to floats, from whole floats
    to integers, between text and categories, between units of time. Text never becomes a number.

    Args:
        rows: The rows, shape ``(n, ≥ len(columns))``.
        columns: What the model takes.
        what: Name of the model version, for messages.

    Raises:
        DataError: A column is missing, or a value of it cannot be taken; the message names column and row.
    """
    names = [column.name for column in columns]
    have = rows.schema
    for name in names:
        if name not in have:
            hint = "columns given: " + ", ".join(rows.columns) if rows.width <= 40 else None
            raise DataError(f"{what}: column '{name}' is missing", hint=hint, column=name)
    taken = rows.select(names)
    odd = [column for column in columns if have[column.name] != dtype_of(column.dtype)]
    if odd:
        casts = [_cast(taken.get_column(one.name), dtype_of(one.dtype), what) for one in odd]
        taken = taken.with_columns(casts)
    _refuse_missing(taken, columns, what)
    return taken


def _refuse_missing(rows: pl.DataFrame, columns: Sequence[InputColumn], what: str) -> None:
    if rows.height <= _FEW_ROWS:  # Python is faster than Polars on a few rows
        for row, values in enumerate(rows.rows()):
            for column, value in zip(columns, values, strict=True):
                if not column.nullable and (value is None or (type(value) is float and value != value)):
                    raise _missing_error(column.name, row, what)
        return
    for column in columns:
        series = rows.get_column(column.name)
        if not column.nullable and _has_missing(series):
            raise _missing_error(column.name, int(_missing(series).arg_max() or 0), what)


def _missing_error(name: str, row: int, what: str) -> DataError:
    return DataError(
        f"{what}: column '{name}' is missing in row {row}, which never happened in training",
        hint="give a value, or train on rows where it is missing too",
        column=name,
        row=row,
    )


def _missing(series: pl.Series) -> pl.Series:
    return series.is_null() | series.is_nan().fill_null(True) if series.dtype.is_float() else series.is_null()


def _has_missing(series: pl.Series) -> bool:
    if series.null_count():
        return True
    return bool(series.dtype.is_float() and series.is_nan().any())


def _cast(series: pl.Series, wanted: pl.DataType, what: str) -> pl.Series:
    have = series.dtype
    if have == wanted:
        return series
    if have == pl.Null or series.null_count() == series.len():
        return pl.Series(series.name, [None] * series.len(), dtype=wanted)
    if not _castable(have, wanted):
        raise DataError(f"{what}: column '{series.name}' is {have}, the model takes {wanted}", column=series.name)
    made = series.cast(wanted, strict=False)
    lost = series.is_not_null() & made.is_null()
    if have.is_float() and wanted.is_integer():
        lost = lost | (series != made.cast(have)).fill_null(False)
    if lost.any():
        row = int(lost.arg_max() or 0)
        raise DataError(
            f"{what}: column '{series.name}' holds {series[row]!r} in row {row}, which is not {wanted}",
            column=series.name,
            row=row,
        )
    return made


def _castable(have: pl.DataType, wanted: pl.DataType) -> bool:
    if have.is_numeric() and wanted.is_numeric():
        return True
    if isinstance(have, _WORDS) and isinstance(wanted, _WORDS):
        return True
    if isinstance(have, pl.Datetime) and isinstance(wanted, pl.Datetime):
        return have.time_zone == wanted.time_zone
    if isinstance(have, pl.Duration) and isinstance(wanted, pl.Duration):
        return True
    return isinstance(have, pl.List) and isinstance(wanted, pl.List)
