"""The columns of a frame as compiled scorers take them, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError

_WORDS = (pl.String, pl.Categorical, pl.Enum)


class Inputs:
    """Some rows, by place of the input column."""

    def __init__(self, rows: pl.DataFrame, names: Sequence[str], *, what: str) -> None:
        self._rows = rows
        self._names = names
        self._what = what
        self._numbers: dict[int, npt.NDArray[np.float64]] = {}
        self._values: dict[int, list[Any]] = {}

    def __len__(self) -> int:
        return self._rows.height

    def numbers(self, place: int) -> npt.NDArray[np.float64]:
        """A column as float64, shape ``(n,)``; NaN where it is missing.

        Raises:
            DataError: There is no such column, or it does not hold numbers.
        """
        if place not in self._numbers:
            series = self._series(place)
            if not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
                name = series.name
                raise DataError(f"{self._what}: column '{name}' is {series.dtype}, not a number", column=name)
            self._numbers[place] = (series if series.dtype == pl.Float64 else series.cast(pl.Float64)).to_numpy()
        return self._numbers[place]

    def values(self, place: int) -> list[Any]:
        """A column as Python values; ``None`` where it is missing, also for NaN.

        Raises:
            DataError: There is no such column.
        """
        if place not in self._values:
            series = self._series(place)
            if isinstance(series.dtype, _WORDS):
                series = series.cast(pl.String)
            elif series.dtype.is_float():
                series = series.fill_nan(None)
            self._values[place] = series.to_list()
        return self._values[place]

    def _series(self, place: int) -> pl.Series:
        name = self._names[place]
        if name not in self._rows.schema:
            raise DataError(f"{self._what}: column '{name}' is missing", column=name)
        return self._rows.get_column(name)
