"""Canonical forms and digests of columns: the same values, the same digest, however they are held.

A digest depends on the logical type, on which values are null, and on the values; not on chunks, row groups,
dictionaries, string layouts, or what lies under a null. Two choices are made on purpose, and the data that is
stored obeys them as well, so that what is read is what was digested:

* Floats: ``-0.0`` is ``0.0``, and every NaN is the one quiet NaN with no payload.
* Categories and enumerations are text.

Values are hashed in blocks of 65,536 rows: a packed mask of nulls, then the values (fixed-size ones in
little-endian order; text and bytes as 64-bit lengths followed by all bytes; lists as lengths followed by their
elements; structs as their fields).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import polars as pl

from soroi.base.digest import canonical, new_hasher
from soroi.base.errors import DataError

BLOCK_ROWS = 65_536
"""Rows hashed at a time. Part of the format."""


def normalise(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in canonical form: see the module. Columns keep their order.

    Raises:
        DataError: A column holds Python objects, or a type without a canonical form.
    """
    for name, dtype in frame.schema.items():
        _check(name, dtype)
    return frame.select(_canonical_values(pl.col(name), dtype).alias(name) for name, dtype in frame.schema.items())


def column_digest(column: pl.Series) -> str:
    """Digest of a column, as 40 hexadecimal characters. Its name does not count.

    Raises:
        DataError: The type has no canonical form.
    """
    if _needs_change(column.dtype):
        column = normalise(column.to_frame()).to_series()
    hasher = new_hasher("column")
    hasher.update(canonical({"type": type_name(column.dtype), "rows": len(column)}))
    for start in range(0, len(column), BLOCK_ROWS):
        _hash_block(column.slice(start, BLOCK_ROWS), hasher)
    return hasher.hexdigest()


def type_name(dtype: pl.DataType) -> str:
    """A logical type as text, such as ``Int64``, ``Datetime(us, UTC)`` or ``List(Float64)``. Part of the format."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "String"
    if isinstance(dtype, pl.Datetime):
        return f"Datetime({dtype.time_unit}, {dtype.time_zone or 'no zone'})"
    if isinstance(dtype, pl.Duration):
        return f"Duration({dtype.time_unit})"
    if isinstance(dtype, pl.Decimal):
        return f"Decimal({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, pl.Array):
        return f"Array({type_name(_resolved(dtype.inner))}, {dtype.size})"
    if isinstance(dtype, pl.List):
        return f"List({type_name(_resolved(dtype.inner))})"
    if isinstance(dtype, pl.Struct):
        fields = (f"{field.name!r}: {type_name(_resolved(field.dtype))}" for field in dtype.fields)
        return f"Struct({', '.join(fields)})"
    return type(dtype).__name__


def _check(name: str, dtype: pl.DataType) -> None:
    if isinstance(dtype, pl.List | pl.Array):
        _check(name, _resolved(dtype.inner))
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            _check(name, _resolved(field.dtype))
    elif isinstance(dtype, pl.Object | pl.Unknown):
        raise DataError(
            f"column '{name}' holds Python objects ({dtype})",
            hint="turn it into numbers, text, times, bytes, lists or structs of such",
        )


def _resolved(dtype: Any) -> pl.DataType:
    """A type as an instance: polars accepts classes too."""
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _needs_change(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return _needs_change(_resolved(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return any(_needs_change(_resolved(field.dtype)) for field in dtype.fields)
    return dtype.is_float() or isinstance(dtype, pl.Categorical | pl.Enum)


def _canonical_values(values: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if not _needs_change(dtype):
        return values
    if isinstance(dtype, pl.List):
        return values.list.eval(_canonical_values(pl.element(), _resolved(dtype.inner)))
    if isinstance(dtype, pl.Array):
        return values.arr.eval(_canonical_values(pl.element(), _resolved(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        fields = [
            _canonical_values(values.struct.field(field.name), _resolved(field.dtype)).alias(field.name)
            for field in dtype.fields
        ]
        return pl.when(values.is_not_null()).then(pl.struct(fields))
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return values.cast(pl.String)
    nan = pl.lit(float("nan"), dtype=dtype)
    return pl.when(values.is_nan()).then(nan).when(values == 0.0).then(pl.lit(0.0, dtype=dtype)).otherwise(values)


def _hash_block(block: pl.Series, hasher: hashlib.blake2b) -> None:
    """Feed one block: how many, which are null, then those that are not."""
    mask = block.is_null().to_numpy()
    hasher.update(struct.pack(">Q", len(block)))
    hasher.update(np.packbits(mask).tobytes())
    if mask.any():
        block = block.drop_nulls()
    if len(block):
        _hash_values(block, hasher)


def _hash_values(values: pl.Series, hasher: hashlib.blake2b) -> None:
    """Feed values, none of which is null."""
    dtype = values.dtype
    if isinstance(dtype, pl.Boolean):
        hasher.update(np.packbits(values.to_numpy()).tobytes())
    elif isinstance(dtype, pl.Decimal | pl.Int128 | pl.UInt128):
        _hash_text(values.cast(pl.String), hasher)
    elif dtype.is_numeric() or dtype.is_temporal():
        numbers = values.to_physical().to_numpy()
        hasher.update(np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).tobytes())
    elif isinstance(dtype, pl.String):
        _hash_text(values, hasher)
    elif isinstance(dtype, pl.Binary):
        pieces = values.to_list()
        hasher.update(np.array([len(one) for one in pieces], dtype="<u8").tobytes())
        hasher.update(b"".join(pieces))
    elif isinstance(dtype, pl.List):
        lengths = values.list.len()
        hasher.update(lengths.to_numpy().astype("<u8").tobytes())
        _hash_block(values.filter(lengths > 0).explode(), hasher)
    elif isinstance(dtype, pl.Array):
        _hash_block(values.arr.to_list().filter(values.arr.len() > 0).explode(), hasher)
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            _hash_block(values.struct.field(field.name), hasher)
    else:
        raise DataError(f"a column of type {dtype} has no canonical form")


def _hash_text(values: pl.Series, hasher: hashlib.blake2b) -> None:
    hasher.update(values.str.len_bytes().to_numpy().astype("<u8").tobytes())
    hasher.update(values.str.join("").item().encode())
