"""Two small projects in one store: the one shares nodes, the other uses them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.projects import SMALL, Tiny, write_project

CONFIG = """[project]
name = "{name}"
module = "{module}"

[store]
catalogue = "{store}/catalogue.sqlite"
objects = "{store}/objects"
"""

GROUP = 'import soroi as so\n\nteam = so.group("sky", owner="sky@example.com")\n'

BASE = (
    SMALL.replace("import soroi as so\n", GROUP)
    .replace('files=so.file("items.csv"))', 'files=so.file("items.csv"), in_step="9d", group=team, access="public")')
    .replace("@so.features(items)", '@so.features(items, group=team, access="public")')
    .replace("@so.dataset(basic, items)", '@so.dataset(basic, items, group=team, access="public")')
    .replace('test="7d"))', 'test="7d"), out_of_fold=2, group=team, access="public")')
    .replace("so.precision >= 0.5)", 'so.precision >= 0.5, access="public")')
)
"""Everything is public, but for the decision."""

USING = '''"""A project that answers with features of another one."""

import polars as pl
from sklearn.linear_model import LogisticRegression

import soroi as so

ours = so.group("shop", owner="shop@example.com")
items = so.shared("base", source="items")
basic = so.shared("base", features="basic")


@so.dataset(basic, items, group=ours)
def examples(basic: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    """Things with what became of them."""
    return basic.join(items.select("id", "at", "bad"), on="id")


@so.model(examples, target="bad", split=so.by_time(test="7d"), group=ours)
def mine(train: pl.DataFrame, strength: float = 1.0) -> LogisticRegression:
    """A guess of our own."""
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


cut = so.threshold(mine, maximise=so.recall, subject_to=so.precision >= 0.5)
ask = so.decision(cascade=[cut], deadline="1s", positive="stop", negative="go", fail_safe="go", group=ours)
'''


def release(tiny: Tiny, **options: Any) -> None:
    """Build, stage and release all of a project."""
    tiny.build(**options)
    tiny.project.stage(everything=True)
    tiny.project.release()


@dataclass
class Pair:
    """Two projects in one store."""

    base: Tiny
    """The project that shares nodes."""

    shop: Tiny
    """The project that uses them."""

    def close(self) -> None:
        """Close both."""
        self.base.close()
        self.shop.close()


def copy_pair(source: Path, folder: Path) -> Pair:
    """The same two projects, with what they built, in another folder."""
    shutil.copytree(source, folder)
    for toml in folder.glob("*/soroi.toml"):
        toml.write_text(toml.read_text().replace(str(source), str(folder)))
    return Pair(Tiny(folder / "base"), Tiny(folder / "shop"))


def write_pair(folder: Path, *, base: str = BASE, shop: str = USING) -> Pair:
    """Write two projects below a folder; what the first shares is not built yet."""
    made = []
    for name, module, code in (("base", "tiny", base), ("shop", "shop", shop)):
        config = CONFIG.format(name=name, module=module, store=folder)
        there = write_project(folder / name, code, config=config)
        if module != "tiny":
            (there / "tiny.py").rename(there / f"{module}.py")
        made.append(Tiny(there))
    return Pair(*made)
