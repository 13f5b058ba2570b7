"""A generated company: real modules of declared functions, in areas of 100 nodes that use each other's.

An area has 5 sources, 25 features, 20 datasets, 25 models, 15 thresholds and 10 decisions. Area *n* reads a source
and takes a feature and a score of area *n* // 10, so that what the first areas offer reaches far, as it does in
companies. Bodies, constants and options differ from node to node.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

AREA = 100
"""Nodes in an area."""

SOURCES, FEATURES, DATASETS, MODELS, THRESHOLDS, DECISIONS = 5, 25, 20, 25, 15, 10
PACKAGE = "company"

READING = '''"""Reading tables, the same for everybody."""

from __future__ import annotations

from pathlib import Path

import polars as pl

DATA = Path(__file__).parents[2] / "data"
NULLS = ["NA", "\\\\N", ""]


def read_table(name: str) -> pl.LazyFrame:
    """A table of the company."""
    return pl.scan_csv(DATA / name, null_values=NULLS, infer_schema_length=None)


def in_utc(column: str) -> pl.Expr:
    """ISO text as a moment in UTC."""
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
'''

WORDS = '''"""Text and numbers, cleaned alike everywhere."""

from __future__ import annotations

import re

import polars as pl

SPACES = re.compile(r"\\s+")
UNKNOWN = "unknown"
LIMITS = {"low": -1000.0, "high": 250_000.0}


def clean(text: str) -> str:
    """Lower case, single spaces."""
    return SPACES.sub(" ", text.strip().lower())


def cleaned(column: str) -> pl.Expr:
    """A cleaned text column."""
    return pl.col(column).map_elements(clean, return_dtype=pl.String).fill_null(UNKNOWN)


def bounded(value: pl.Expr) -> pl.Expr:
    """A number within the company's limits."""
    return value.clip(LIMITS["low"], LIMITS["high"]).cast(pl.Float64)


def weekly(value: pl.Expr) -> pl.Expr:
    """What happened in a week, from what happened in a day."""
    return bounded(value * 7)
'''

LEARNING = '''"""Preparing and joining, shared by the models."""

from __future__ import annotations

import polars as pl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def numbers() -> Pipeline:
    """Numbers made comparable; a missing one becomes the median."""
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def regression(strength: float, rounds: int) -> Pipeline:
    """A logistic regression on comparable numbers."""
    return make_pipeline(numbers(), LogisticRegression(C=strength, max_iter=rounds))


def joined(outcome: pl.LazyFrame, *features: pl.LazyFrame) -> pl.LazyFrame:
    """Outcomes with their features."""
    for table in features:
        outcome = outcome.join(table, on="id", how="left", maintain_order="left")
    return outcome
'''


def write_company(folder: Path, nodes: int) -> None:
    """Write the project of a company.

    Args:
        folder: Where to; emptied first.
        nodes: How many nodes; a multiple of :data:`AREA`.
    """
    if nodes % AREA or nodes <= 0:
        raise ValueError(f"{nodes} nodes are not a multiple of {AREA}")
    shutil.rmtree(folder, ignore_errors=True)
    areas = range(nodes // AREA)
    files = {
        "soroi.toml": f'[project]\nname = "company"\nmodule = "{PACKAGE}"\n\n[store]\npath = ".soroi"\n',
        f"{PACKAGE}/__init__.py": "".join(f"from {PACKAGE}.areas import {area_name(one)}\n" for one in areas),
        f"{PACKAGE}/areas/__init__.py": "",
        f"{PACKAGE}/shared/__init__.py": "",
        f"{PACKAGE}/shared/reading.py": READING,
        f"{PACKAGE}/shared/words.py": WORDS,
        f"{PACKAGE}/shared/learning.py": LEARNING,
    }
    for one in areas:
        files[f"{PACKAGE}/areas/{area_name(one)}.py"] = area_text(one)
        for index in range(SOURCES):
            files[f"data/{node_name('source', one, index)}.csv"] = f"id,subject,at,known_at,amount\n{one},{index},,,1\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def area_name(area: int) -> str:
    """Module of an area."""
    return f"area_{area:04d}"


def node_name(kind: str, area: int, index: int) -> str:
    """Id of a node."""
    return f"{kind}_{area:04d}_{index:02d}"


def area_text(area: int) -> str:
    """The source text of one area."""
    parent = area // 10
    used = [node_name("source", parent, 0), node_name("features", parent, 0), node_name("model", parent, 0)]
    nodes = [
        *(_source(area, index) for index in range(SOURCES)),
        *(_features(area, index) for index in range(FEATURES)),
        *(_dataset(area, index) for index in range(DATASETS)),
        *(_model(area, index) for index in range(MODELS)),
        *(_threshold(area, index) for index in range(THRESHOLDS)),
        'def usual(row: Mapping[str, Any]) -> bool | None:\n    """What is done when no model answers."""\n'
        "    amount = row.get('amount')\n    return None if amount is None else bool(amount > LIMIT)\n",
        *(_decision(area, index) for index in range(DECISIONS)),
    ]
    shared = f"from {PACKAGE}.areas.{area_name(parent)} import {', '.join(used)}\n" if parent != area else ""
    head = (
        f'"""What the team of area {area} offers."""\n\nfrom __future__ import annotations\n\n'
        "from collections.abc import Mapping\nfrom typing import Any\n\n"
        "import polars as pl\nfrom sklearn.pipeline import Pipeline\n\nimport soroi as so\n"
        f"{shared}from {PACKAGE}.shared.learning import joined, regression\n"
        f"from {PACKAGE}.shared.reading import in_utc, read_table\n"
        f"from {PACKAGE}.shared.words import bounded, cleaned, weekly\n\n"
        f'TEAM = so.group("team{area:04d}", owner="team{area:04d}@example.com")\n'
        f"LIMIT = {10 + area % 90}\nWEIGHTS = {{'near': {0.5 + area / 1000}, 'far': {0.1 + area / 2000}}}\n\n\n"
        f"def scaled(column: str, by: float) -> pl.Expr:\n"
        f'    """A column weighted as area {area} does."""\n'
        f'    return bounded(pl.col(column) * by * WEIGHTS["near"])\n\n\n'
        f"def distant(column: str) -> pl.Expr:\n"
        f'    """A column that matters less."""\n'
        f'    return weekly(pl.col(column)) * WEIGHTS["far"]\n'
    )
    return head + "".join(f"\n\n{one}" for one in nodes)


def _source(area: int, index: int) -> str:
    name = node_name("source", area, index)
    return (
        f'@so.source(key="id", time="at", known_at="known_at", partition="1mo", in_step="31d", group=TEAM,\n'
        f'           files=so.file("data/{name}.csv"))\ndef {name}() -> pl.LazyFrame:\n'
        f'    """What happened, as kind {index} of area {area} records it."""\n    rows = read_table("{name}.csv")\n'
        f"    return rows.filter(pl.col('amount') > {index}).select(\n"
        f'        "id", "amount", subject=cleaned("subject"), at=in_utc("at"), known_at=in_utc("known_at")\n    )\n'
    )


def _features(area: int, index: int) -> str:
    name, spine = node_name("features", area, index), node_name("source", area, index % SOURCES)
    other = node_name("source", area // 10, 0) if index % 6 == 5 else node_name("source", area, (index + 1) % SOURCES)
    if area < 10 and other == spine:
        other = node_name("source", area, (index + 2) % SOURCES)
    value = f'scaled("amount", {index + 1})' if index % 3 else 'distant("amount")'
    return (
        f'@so.features({spine}, so.last({other}, "{index % 12 + 1}h"), group=TEAM)\n'
        f"def {name}(spine: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:\n"
        f'    """How the subject fared in the last hours, of kind {index}."""\n'
        f"    window = so.window_stats(\n"
        f'        spine.select("id", "subject", "at", "amount"), events, by="subject", left_time="at",\n'
        f'        right_time="known_at", within="{index % 12 + 1}h", count="{name}_count",\n'
        f'        mean={{"{name}_mean": "amount"}},\n    )\n'
        f'    return window.select("id", "{name}_count", "{name}_mean", {name}_value={value})\n'
    )


def _dataset(area: int, index: int) -> str:
    name = node_name("dataset", area, index)
    inputs = [node_name("features", area, (index + step) % FEATURES) for step in range(0, 9, 3)]
    if index % 5 == 4 and area:
        inputs.append(node_name("features", area // 10, 0))
    given = [*dict.fromkeys(inputs), node_name("source", area, index % SOURCES)]
    names = [f"part{place}" for place in range(len(given) - 1)]
    return (
        f"@so.dataset({', '.join(given)}, group=TEAM)\n"
        f"def {name}({', '.join(f'{one}: pl.LazyFrame' for one in [*names, 'outcome'])}) -> pl.LazyFrame:\n"
        f'    """What was known, and what came of it, for use {index}."""\n'
        f'    known = outcome.select("id", "at", outcome=pl.col("amount") > LIMIT + {index})\n'
        f"    return joined(known, {', '.join(names)})\n"
    )


def _model(area: int, index: int) -> str:
    name, data = node_name("model", area, index), node_name("dataset", area, index % DATASETS)
    options = ", out_of_fold=3" if index < 5 else ""
    if index % 5 == 4 and index > 5:
        options = f", scores=[{node_name('model', area, index % 4 + 1)}]"
    elif index == 20 and area:
        options = f", scores=[{node_name('model', area // 10, 0)}]"
    return (
        f'@so.model({data}, target="outcome", split=so.by_time(calibration="10d", test="10d"){options}, group=TEAM)\n'
        f"def {name}(train: pl.DataFrame, strength: float = {0.1 * (index + 1):.1f}, rounds: int = 500) -> Pipeline:\n"
        f'    """Whether the outcome of use {index} comes."""\n    x, y = so.xy(train)\n'
        f"    return regression(strength * {1 + area % 7}, rounds).fit(x, y)\n"
    )


def _threshold(area: int, index: int) -> str:
    return (
        f"{node_name('threshold', area, index)} = so.threshold(\n    {node_name('model', area, index + 10)}, "
        f"maximise=so.recall, subject_to=so.precision >= 0.{30 + index}, group=TEAM,\n"
        f'    doc="Of those acted on, enough are right.",\n)\n'
    )


def _decision(area: int, index: int) -> str:
    last = node_name("threshold", area, index)
    first = f"so.when_sure({node_name('threshold', area, index + 5)}, error=0.1), " if index % 2 else ""
    return (
        f"{node_name('decision', area, index)} = so.decision(\n"
        f'    cascade=[{first}{last}], deadline="250ms", positive="act", negative="wait", fail_safe="wait",\n'
        f'    fallbacks=[usual], group=TEAM, doc="Whether to act in case {index} of area {area}.",\n)\n'
    )


def edits(nodes: int) -> Iterator[tuple[str, str, str]]:
    """A week's edits, as (file, text before, text after): in one area of twenty, of the half that few rest on."""
    areas = nodes // AREA
    half = range(areas - 1, max(areas // 2, areas // 10) - 1, -20)
    for one in half:
        file = f"{PACKAGE}/areas/{area_name(one)}.py"
        yield file, "'far': ", "'far': 1.0 + "
        yield file, 'pl.col("amount") > LIMIT + 7)', 'pl.col("amount") >= LIMIT + 7)'
        yield file, "strength: float = 1.1,", "strength: float = 1.2,"
        yield file, "so.precision >= 0.33,", "so.precision >= 0.35,"


def one_edit(nodes: int, turn: int) -> tuple[str, str, str]:
    """One more edit, of a model's body in the last area; another one each turn."""
    area = nodes // AREA - 1
    text = f"    return regression(strength * {1 + area % 7}"
    before = text if turn == 0 else f"{text} * {turn}.5"
    return f"{PACKAGE}/areas/{area_name(area)}.py", f"{before}, rounds", f"{text} * {turn + 1}.5, rounds"


def apply_edit(folder: Path, edit: tuple[str, str, str]) -> None:
    """Edit a file as an editor does.

    Raises:
        ValueError: The text to replace is not there.
    """
    name, before, after = edit
    path = folder / name
    text = path.read_text("utf-8")
    if before not in text:
        raise ValueError(f"{name} does not say {before!r}")
    path.write_text(text.replace(before, after), "utf-8")
