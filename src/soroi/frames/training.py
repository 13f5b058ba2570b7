"""The training part of a dataset, as a model's function sees it, and how to take it apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError


@dataclass(frozen=True, slots=True)
class TrainingView:
    """Which columns of the rows given to a model's function are inputs, and which is the target."""

    inputs: tuple[str, ...]
    """Input columns, in order."""

    target: str
    """Column to predict."""


_VIEW: ContextVar[TrainingView | None] = ContextVar("soroi_training_view", default=None)


@contextlib.contextmanager
def training(view: TrainingView) -> Iterator[None]:
    """Let :func:`xy` know, for as long as the block runs, which columns are inputs."""
    token = _VIEW.set(view)
    try:
        yield
    finally:
        _VIEW.reset(token)


def xy(
    rows: pl.DataFrame, *, target: str | None = None, inputs: Sequence[str] | None = None
) -> tuple[pl.DataFrame, npt.NDArray[Any]]:
    """Take training rows apart into inputs and target.

    In a build soroi knows which columns are inputs: ``X, y = so.xy(train)``. Elsewhere (a test, a notebook) name
    the target, and the inputs unless they are all other columns.

    Args:
        rows: Training rows.
        target: Column to predict. Default: the model's, in a build.
        inputs: Input columns. Default: the model's, in a build; else all but the target.

    Returns:
        Inputs, a frame of shape (n, inputs), and the target, an array of shape (n,).

    Raises:
        DataError: No target is known, or a column is not there.
    """
    view = _VIEW.get()
    wanted = target or (view.target if view else None)
    if wanted is None:
        raise DataError("so.xy does not know the target outside of a build", hint="so.xy(rows, target='late')")
    columns = list(inputs or (view.inputs if view else [c for c in rows.columns if c != wanted]))
    missing = [c for c in [wanted, *columns] if c not in rows.columns]
    if missing:
        raise DataError(f"so.xy: no column {', '.join(missing)}", hint=f"the rows have {', '.join(rows.columns)}")
    return rows.select(columns), rows[wanted].to_numpy()
