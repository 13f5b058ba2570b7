"""Build a threshold: fit it on rows that its model did not learn from, and measure it on the test rows."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from soroi.build.builders.context import BuildContext
from soroi.declare.edge import Role
from soroi.evidence import action_figures, fit_threshold


def build_threshold(context: BuildContext) -> tuple[dict[str, str], dict[str, Any]]:
    """Fit a threshold to the calibration scores of one version of a model.

    Returns:
        Outputs and facts; ``facts["value"]`` is the threshold, ``None`` when no value keeps the constraint.
    """
    (model,) = context.producers(Role.CUTS)
    calibration = context.read_scores(model, "calibration")
    test = context.read_scores(model, "test")
    y, score = calibration["target"].to_numpy(), calibration["score"].to_numpy()
    fit = fit_threshold(y, score, context.node.spec.objective, what=context.node.label)
    acted = (test["score"].to_numpy() >= fit.value) if fit.met else pl.zeros(test.height, eager=True).to_numpy() > 0
    figures = action_figures(test["target"].to_numpy(), acted)
    facts = {
        "value": fit.value if fit.met else None,
        "met": fit.met,
        "reason": fit.reason,
        "bound": fit.bound,
        "needed": fit.needed,
        "objective": context.node.spec.objective.to_dict(),
        "figures": msgspec.to_builtins(figures),
        "scores": model.facts["scores"],
        "model": model.id,
        "fitted_on": {"rows": calibration.height, "positives": int(y.sum())},
    }
    return {"fit": context.put_json(fit)}, facts
