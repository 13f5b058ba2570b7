"""Typed dependencies between nodes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Role(enum.StrEnum):
    """Why one node depends on another."""

    READS = "reads"
    """Features or a dataset read a source."""

    TRAINS_ON = "trains on"
    """A model is fitted on a dataset."""

    USES_FEATURE = "uses feature"
    """A model or a dataset uses features."""

    SCORES_WITH = "scores with"
    """A model takes the score of another as an input."""

    CUTS = "cuts"
    """A threshold cuts the scores of a model."""

    SURE_BY = "sure by"
    """A decision's sure-enough levels were fitted on what a threshold cuts."""

    ANSWERS_WITH = "answers with"
    """A decision asks a threshold; which version is settled by the manifest, not by a fit."""

    @property
    def is_fitted(self) -> bool:
        """Whether the consumer was built against one exact version of the producer."""
        return self is not Role.ANSWERS_WITH


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency of one node on another."""

    role: Role
    """Why."""

    producer: str
    """Id of the node depended on, as text."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Details that belong to the behaviour, such as ``{"last": "3h"}``."""
