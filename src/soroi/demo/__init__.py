"""Templates of projects, and the story that is told with one of them: ``soroi demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soroi.demo.story import run_demo

__all__ = ["run_demo"]


def __getattr__(name: str) -> Any:
    if name != "run_demo":
        raise AttributeError(f"module 'soroi.demo' has no attribute '{name}'")
    from soroi.demo.story import run_demo

    return run_demo
