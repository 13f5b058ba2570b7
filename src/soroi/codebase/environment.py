"""What a build ran on: Python and the distributions whose versions can change a result."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import sys

_ALWAYS = ("polars", "numpy", "scikit-learn", "skops", "lightgbm", "soroi")


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(found) for name, found in importlib.metadata.packages_distributions().items()}


@functools.cache
def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def library_version(module: str) -> str | None:
    """Name and version of the distribution that brings a top-level module, as ``name==version``.

    Args:
        module: Name of the module.

    Returns:
        ``None`` when no installed distribution brings it. One installed for development does not say which
        modules it brings; it is found by its name.
    """
    found = _distributions().get(module) or [module] * bool(_installed(module))
    if not found:
        return None
    return ", ".join(f"{name}=={importlib.metadata.version(name)}" for name in sorted(set(found)))


def environment_record() -> dict[str, str]:
    """What this process runs on: Python, platform, and the versions of the libraries that matter to results."""
    versions = {name: found for name in _ALWAYS if (found := _installed(name))}
    return {"python": platform.python_version(), "platform": f"{sys.platform}-{platform.machine()}", **versions}
