"""March: replayed under the first release, and what became of the quality."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from soroi.demo.measure import acts, apart_kinds, auc, moved
from soroi.demo.replay import Replay, midnights
from soroi.demo.story import END, FIRST, SECOND, Result, Story
from soroi.demo.words import apart, figure, share
from soroi.demo.world import World

DECISIONS = ("warn_passenger",)
"""What is asked about each flight."""

FEW = 4
"""Days of each half of March that the fast demo replays."""

INPUTS = {"conditions": None, "recent": None, "schedule": None}
"""Features whose numeric columns are looked at."""


def days(story: Story) -> list[datetime]:
    """The days that are replayed."""
    if story.fast:
        return [*midnights(FIRST, FEW), *midnights(SECOND, FEW)]
    return midnights(FIRST, (END - FIRST).days)


def second_half(story: Story) -> list[datetime]:
    """Those of them that both releases answer about."""
    return [day for day in days(story) if day >= SECOND]


def replay_of(story: Story, manifest: str, wanted: list[datetime]) -> Replay:
    """The replay of some days under a release."""
    return Replay(manifest, wanted, DECISIONS, story.folder / "answers")
