"""The data of the blank template: invented tickets of a help desk, the same every time."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 3000
"""How many tickets there are."""

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""When the first one was opened."""

_CHANNELS = {"mail": 0.0, "phone": 0.6, "form": -0.4}


def write_sample(folder: Path) -> None:
    """Write ``tickets.csv`` and ``outcomes.csv``.

    Args:
        folder: Where to; made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = random.Random(20260105)
    with (
        (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as tickets,
        (folder / "outcomes.csv").open("w", encoding="utf-8", newline="") as outcomes,
    ):
        opened, closed = csv.writer(tickets), csv.writer(outcomes)
        opened.writerow(["ticket_id", "opened_at", "channel", "words", "waiting"])
        closed.writerow(["ticket_id", "opened_at", "closed_at", "escalated"])
        at = START
        for number in range(1, ROWS + 1):
            at += timedelta(seconds=drawn.randint(120, 3000))
            channel = drawn.choice(sorted(_CHANNELS))
            words, waiting = drawn.randint(5, 400), drawn.randint(0, 60)
            odds = -3.2 + _CHANNELS[channel] + words / 150 + waiting / 25
            escalated = drawn.random() < 1 / (1 + math.exp(-odds))
            end = at + timedelta(minutes=drawn.randint(20, 60 * 30))
            key = f"T{number:05d}"
            opened.writerow([key, _text(at), channel, words, waiting])
            closed.writerow([key, _text(at), _text(end), str(escalated).lower()])


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
