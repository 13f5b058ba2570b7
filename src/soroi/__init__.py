"""soroi keeps machine-learned decisions in step.

Declare sources, features, datasets, models, thresholds and decisions as Python; build candidates freely; stage the
ones meant for release; make a whole consistent set live at once, or not at all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soroi.base.errors import SoroiError
    from soroi.declare.deciding import decision, threshold, when_sure
    from soroi.declare.decorators import dataset, features, file, group, last, model, source
    from soroi.declare.domain import between, one_of
    from soroi.declare.gate import Judgement
    from soroi.declare.gating import (
        at_least,
        at_most,
        beats,
        data_checks,
        environment,
        gate,
        in_step,
        keeps,
        latency,
        loads,
        signed_off,
        without,
    )
    from soroi.declare.lifecycle import deprecated
    from soroi.declare.objective import accuracy, alert_rate, f1, false_positive_rate, precision, recall
    from soroi.declare.shared import shared
    from soroi.declare.spec import by_time
    from soroi.frames import as_of_join, window_stats
    from soroi.frames.training import xy
    from soroi.project import Project
    from soroi.project import open_project as open  # noqa: A004 (so.open is the way in)
    from soroi.rules import approved_by, during, not_during, passed, since, traffic

_WHERE = {
    "SoroiError": ("soroi.base.errors", "SoroiError"),
    "Project": ("soroi.project", "Project"),
    "open": ("soroi.project", "open_project"),
    "as_of_join": ("soroi.frames", "as_of_join"),
    "window_stats": ("soroi.frames", "window_stats"),
    "deprecated": ("soroi.declare.lifecycle", "deprecated"),
    "shared": ("soroi.declare.shared", "shared"),
    "xy": ("soroi.frames.training", "xy"),
    "by_time": ("soroi.declare.spec", "by_time"),
    **{
        name: ("soroi.declare.decorators", name)
        for name in (
            "dataset",
            "features",
            "file",
            "group",
            "last",
            "model",
            "source",
        )
    },
    "Judgement": ("soroi.declare.gate", "Judgement"),
    **{
        name: ("soroi.declare.gating", name)
        for name in (
            "at_least",
            "at_most",
            "beats",
            "data_checks",
            "environment",
            "gate",
            "in_step",
            "keeps",
            "latency",
            "loads",
            "signed_off",
            "without",
        )
    },
    **{name: ("soroi.rules", name) for name in ("approved_by", "during", "not_during", "passed", "since", "traffic")},
    **{name: ("soroi.declare.deciding", name) for name in ("decision", "threshold", "when_sure")},
    **{name: ("soroi.declare.domain", name) for name in ("between", "one_of")},
    **{
        name: ("soroi.declare.objective", name)
        for name in ("accuracy", "alert_rate", "f1", "false_positive_rate", "precision", "recall")
    },
}

__version__ = "0.1.0"

__all__ = [
    "Judgement",
    "Project",
    "SoroiError",
    "accuracy",
    "alert_rate",
    "approved_by",
    "as_of_join",
    "at_least",
    "at_most",
    "beats",
    "between",
    "by_time",
    "data_checks",
    "dataset",
    "decision",
    "deprecated",
    "during",
    "environment",
    "f1",
    "false_positive_rate",
    "features",
    "file",
    "gate",
    "group",
    "in_step",
    "keeps",
    "last",
    "latency",
    "loads",
    "model",
    "not_during",
    "one_of",
    "open",
    "passed",
    "precision",
    "recall",
    "shared",
    "signed_off",
    "since",
    "source",
    "threshold",
    "traffic",
    "when_sure",
    "window_stats",
    "without",
    "xy",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'soroi' has no attribute '{name}'")
    module, attribute = _WHERE[name]
    found = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
