"""Python's cyclic garbage collector, told to wait."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Let the collector wait while many small objects are made that all live on.

    Each time it looks at everything that is alive; beside a large project it would take longer than the work.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
