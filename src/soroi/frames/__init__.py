"""Point-in-time joins and windows on Polars frames: nothing that was not yet known, the same for one row or all."""

from __future__ import annotations

from soroi.frames.as_of import as_of_join
from soroi.frames.window import window_stats

__all__ = ["as_of_join", "window_stats"]
