from __future__ import annotations

import platform

import polars as pl
import pytest

from soroi.codebase import environment, environment_record, library_version


def test_the_record_names_python_and_the_libraries_that_matter() -> None:
    record = environment_record()
    assert record["python"] == platform.python_version()
    assert record["polars"] == pl.__version__
    assert {"numpy", "scikit-learn", "skops", "soroi", "platform"} <= set(record)


def test_a_module_is_traced_to_its_distribution() -> None:
    assert library_version("polars") == f"polars=={pl.__version__}"
    assert (library_version("sklearn") or "").startswith("scikit-learn==")


def test_a_module_that_nothing_brings_has_no_version() -> None:
    assert library_version("json") is None
    assert library_version("nowhere_to_be_found") is None


def test_a_distribution_installed_for_development_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_distributions", dict)
    library_version.cache_clear()
    try:
        assert library_version("polars") == f"polars=={pl.__version__}"
    finally:
        library_version.cache_clear()
