"""Rules: plain functions of a row that say yes, no, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from soroi.serve.answer import Outcome
from soroi.serve.evaluation import describe
from soroi.serve.snapshot import RulePart

Said = dict[int, tuple[Outcome, str | None, bool | None]]
"""What came of asking a rule, why, and the side it takes, by place of the row."""


def say(rule: RulePart, row: Mapping[str, Any]) -> tuple[Outcome, str | None, bool | None]:
    """Ask a rule about one row.

    Returns:
        What came of it, why, and the side it takes. Never raises what the rule raises.
    """
    try:
        said = rule.function(row)
    except Exception as error:  # one row's fault must not touch the others
        return Outcome.RAISED, describe(error), None
    if said is None:
        return Outcome.CANNOT_SAY, None, None
    if isinstance(said, bool | np.bool_):
        return Outcome.ANSWERED, None, bool(said)
    return Outcome.RAISED, f"it returned {type(said).__name__}, not True, False or None", None
