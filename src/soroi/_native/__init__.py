"""An optional extension in C. Everything works without it, more slowly, and gives the same numbers to the last bit."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from types import ModuleType

OFF = "SOROI_PURE_PYTHON"
"""Environment variable: set to anything but an empty text, the extension is left alone."""

API = 1
"""What is expected of the extension. One that was compiled from older sources is left alone."""


@functools.lru_cache(maxsize=1)
def extension() -> ModuleType | None:
    """The extension that adds up trees and linear terms; ``None`` where it was not compiled or is turned off."""
    if os.environ.get(OFF) or sys.byteorder != "little":
        return None
    try:
        found = importlib.import_module("soroi._native.walk")
    except ImportError:
        return None
    return found if getattr(found, "API", None) == API else None
