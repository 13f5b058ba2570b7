"""A small project whose features do as the row says: sleep, spin, allocate, raise, end their process."""

from __future__ import annotations

from pathlib import Path

from tests.projects import CONFIG, SMALL, write_data

CODE = SMALL.replace(
    '''    return items.select("id", "x")
''',
    '''    return items.select("id", x=pl.col("x").map_elements(act, return_dtype=pl.Float64))
''',
).replace(
    '''@so.features(items)
''',
    '''def act(x):
    """Do as the row says: numbers from 1000 on are orders."""
    if x < 1000:
        return x
    until = time.monotonic() + 30
    if x == SLEEP:
        time.sleep(30)
    while x == SPIN and time.monotonic() < until:
        pass
    held = []
    while x == ALLOCATE and time.monotonic() < until:
        held.append(bytes(10_000_000))
    if x == LEAVE:
        os._exit(3)
    raise ValueError("told to")


def moody(row):
    """A rule that does as the row says."""
    return None if row["x"] is None else act(row["x"]) > 0


@so.features(items)
''',
).replace(
    '''import polars as pl
''',
    '''import os
import time

import polars as pl
''',
    1,
).replace(
    '''import soroi as so
''',
    '''import soroi as so

SLEEP, SPIN, ALLOCATE, RAISE, LEAVE = 1001, 1002, 1003, 1004, 1005
''',
    1,
).replace('deadline="100ms"', 'deadline="{deadline}"').replace(
    '''fail_safe="go")
''',
    '''fail_safe="go")
ruled = so.decision(
    cascade=[cut], deadline="{deadline}", positive="stop", negative="go", fail_safe="go", fallbacks=[moody]
)
''',
)  # fmt: skip

ORDERS = {"sleep": 1001.0, "spin": 1002.0, "allocate": 1003.0, "raise": 1004.0, "leave": 1005.0}
"""What a row's ``x`` tells its features to do."""


def write(folder: Path, *, deadline: str = "300ms") -> Path:
    """Write the project with its data; gives its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soroi.toml").write_text(CONFIG)
    (folder / "tiny.py").write_text(CODE.replace("{deadline}", deadline))
    write_data(folder)
    return folder
