"""Answers: what is given for one row of a request, and what is written down about it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

StepKind = Literal["model", "rule", "fail_safe"]
"""What was asked."""


class Outcome(enum.StrEnum):
    """What came of asking one step."""

    ANSWERED = "answered"
    """Its answer was taken."""

    UNSURE = "unsure"
    """A model's score lies between its sure-enough levels."""

    MISSING_FEATURE = "missing_feature"
    """An input that was never missing in training is missing here."""

    RAISED = "raised"
    """Its code raised, or gave what it must not give."""

    LATE = "late"
    """It was not done when the time was up, or no time was left to ask it."""

    OVERLOADED = "overloaded"
    """It was not asked: so many wait for it that it would have been late."""

    RESTING = "resting"
    """It was not asked: it is left alone for a while, because it was late or raised again and again."""

    OUT_OF_DOMAIN = "out_of_domain"
    """A value of the row lies outside of what its source declares."""

    CANNOT_SAY = "cannot_say"
    """A rule returned ``None``."""

    UNKNOWN_PART = "unknown_part"
    """The row belongs to a part of a family that has no version, and the family has no parent."""

    @property
    def is_fall(self) -> bool:
        """Whether something went wrong, rather than having been asked without being sure."""
        return self not in (Outcome.ANSWERED, Outcome.UNSURE, Outcome.CANNOT_SAY)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the path by which an answer was found."""

    name: str
    """Id of the threshold asked, name of the rule, or ``fail_safe``."""

    kind: StepKind
    """What it is."""

    versions: dict[str, str]
    """The version of every node that took part, by node. All of one manifest."""

    outcome: Outcome
    """What came of it."""

    reason: str | None = None
    """Why it did not answer, in a sentence."""

    milliseconds: float = 0.0
    """How long it took: together for all rows of the request that asked it, or for this row where it was planned."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One decision taken for one row."""

    id: str
    """Id under which it is recorded."""

    decision: str
    """Id of the decision."""

    action: str
    """What to do."""

    positive: bool
    """Whether ``action`` is the decision's positive action."""

    score: float | None
    """Score of the model that answered; ``None`` when none did."""

    threshold: float | None
    """Where that score was cut; ``None`` when no model answered, or its threshold keeps no constraint."""

    confidence: float | None
    """Calibrated probability that the side taken is right; ``None`` when no model answered."""

    path: list[Step]
    """The steps asked, in order; the last one answered."""

    manifest: str
    """The one manifest that all of it comes from."""

    revision: int
    """Revision of the head that pointed at the manifest."""

    at: datetime
    """When it was asked for."""

    deadline_missed: bool = False
    """Whether it came after the decision's deadline all the same."""

    arm: str = "base"
    """``base``: by the manifest that the head points at; ``challenger``: by the one of a rollout; ``shadow``: by that
    one as well, and never returned."""

    @property
    def fell(self) -> bool:
        """Whether a step went wrong on its way, or none answered."""
        return any(step.outcome.is_fall for step in self.path) or self.path[-1].kind == "fail_safe"


class Detail(msgspec.Struct, frozen=True):
    """What is recorded with an answer, beyond what is given back."""

    inputs: Mapping[str, Any]
    """The row that was given, as typed values."""

    features: Mapping[str, Any]
    """Feature values that were computed for it, by column."""

    scores: Mapping[str, float]
    """Scores that were computed for it, by model."""

    environment: str
    """Name of the head that was followed."""

    milliseconds: float
    """From the request's arrival (a shadow's: from its beginning) until the decision stood."""

    rollout: str | None = None
    """Id of the rollout that the request took part in."""

    rollout_step: int | None = None
    """Place of the step that the rollout was at."""

    unit: str | None = None
    """What its arm sticks to: a hash of the key's value, salted by the rollout."""

    shadow_of: str | None = None
    """Id of the answer that was returned, where this one was not."""

    against: Mapping[str, Any] | None = None
    """Of a shadow answer: what a comparison needs of the one that was returned."""


def record_of(answer: Answer, detail: Detail) -> dict[str, Any]:
    """An answer and its detail as one record for the answers log. What is about rollouts is there in one only."""
    record: dict[str, Any] = {name: getattr(answer, name) for name in Answer.__struct_fields__}
    record["fell"] = answer.fell
    for name in Detail.__struct_fields__:
        value = getattr(detail, name)
        if value is not None or name not in _OF_ROLLOUTS:
            record[name] = value
    return record


def against(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded with a shadow answer of the record of the one that was returned."""
    return {name: record[name] for name in _COMPARED}


_OF_ROLLOUTS = frozenset({"rollout", "rollout_step", "unit", "shadow_of", "against"})
_COMPARED = ("action", "positive", "score", "fell", "milliseconds", "deadline_missed", "manifest")
