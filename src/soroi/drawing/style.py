"""Colours of the drawings, by status: readable in print, told apart without red and green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILL: Final[Mapping[str | None, str]] = {
    None: "#f4f7fa",
    "fresh": "#e4f2ea",
    "stale": "#fdf0d5",
    "missing": "#ffffff",
    "unknown": "#ece6f5",
}
"""Fill of a box."""

STROKE: Final[Mapping[str | None, str]] = {
    None: "#8fa3b5",
    "fresh": "#3f8f63",
    "stale": "#c07a00",
    "missing": "#8a8a8a",
    "unknown": "#6f4fa3",
}
"""Stroke of a box."""

TERMINAL: Final[Mapping[str | None, str]] = {
    None: "white",
    "fresh": "green",
    "stale": "yellow",
    "missing": "bright_black",
    "unknown": "magenta",
}
"""Colour of a name in a terminal."""
