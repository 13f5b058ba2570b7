"""Build a decision: fit its sure-enough levels, and write down the plan by which it answers."""

from __future__ import annotations

from typing import Any

import msgspec

from soroi.base.errors import BuildError
from soroi.build.builders.context import BuildContext
from soroi.declare.spec import DecisionSpec
from soroi.evidence import sure_band


def build_decision(context: BuildContext) -> tuple[dict[str, str], dict[str, Any]]:
    """Make the plan of a decision.

    Returns:
        Outputs and facts; ``facts["steps"]`` lists the cascade with its levels.
    """
    spec: DecisionSpec = context.node.spec
    steps: list[dict[str, Any]] = []
    for step in spec.cascade:
        body = step.to_dict()
        if step.error is not None and step.per is None:
            body["band"] = _band(context, step.threshold, step.error, step.confidence)
        elif step.error is not None:
            members = [edge.producer for edge in context.node.edges if edge.options.get("family") == step.threshold]
            body["bands"] = {name: _band(context, name, step.error, step.confidence) for name in members}
        steps.append(body)
    facts = {
        "steps": steps,
        "deadline": spec.deadline.total_seconds(),
        "positive": spec.positive,
        "negative": spec.negative,
        "fail_safe": spec.fail_safe,
        "fallbacks": [rule.__name__ for rule in spec.fallbacks],
        "durable": spec.durable,
        **({"domain": {name: one.to_dict() for name, one in spec.domain}} if spec.domain else {}),
    }
    return {"plan": context.put_json(facts)}, facts


def _band(context: BuildContext, threshold: str, error: float, confidence: float) -> dict[str, Any]:
    cut = context.inputs[threshold]
    scores = context.read_scores(cut, "calibration")
    value = cut.facts["value"]
    if value is None:
        raise BuildError(
            f"{context.node.label} wants to know when '{threshold}' is sure, but {cut.id} keeps no constraint",
            hint=f"{cut.facts['reason']}; loosen the constraint of '{threshold}', or improve its model",
            where=context.node.where,
        )
    band = sure_band(scores["target"].to_numpy(), scores["score"].to_numpy(), value, error=error, confidence=confidence)
    found = msgspec.to_builtins(band)
    assert isinstance(found, dict)
    return found
