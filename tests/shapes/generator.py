"""Projects written as real source files from a description of their graph, and what that description foretells.

What is foretold (who rests on whom, whom an edit reaches) is derived from the description alone, so that it can be
held against what soroi says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.projects import CONFIG, write_data

ROWS = 400
"""Rows of the sample: eight days and a bit."""

OTHER = ".other"
"""Folder of the other project, below that of the one that uses its nodes; with its dot it is none of its code."""

OTHER_CONFIG = """[project]
name = "{name}"
module = "tiny"

[store]
catalogue = "{store}/catalogue.sqlite"
objects = "{store}/objects"
"""

COLUMNS = {"items": '"id", "at", "y", side=SIDE', "outcomes": '"id", "at", "bad"'}
PLAIN = "plain"

HEADER = '''"""A project made by the tests."""

import polars as pl
from sklearn.linear_model import LogisticRegression

import soroi as so
import steps

team = so.group("team", owner="team@example.com")
others = so.group("others", owner="others@example.com")
SIDE = pl.when(pl.col("y") > 0).then(pl.lit("up")).otherwise(pl.lit("down"))


def read(name):
    """Rows of a file."""
    rows = pl.scan_csv(name, schema_overrides={"at": pl.String})
    return rows.with_columns(pl.col("at").str.to_datetime(time_zone="UTC", time_unit="us"))
'''

DEEP = '''"""Helpers, two modules away from the declarations."""

import dataclasses
import functools


def scaled_by(factor):
    """Decorate a function so that its value is scaled."""

    def wrapped(function):
        @functools.wraps(function)
        def inner(value):
            return function(value) * factor

        return inner

    return wrapped
'''

FORMS: dict[str, str] = {
    PLAIN: "def {h}(value):\n    {local} = value {op} {H}\n    return {local}",
    "default": "def {h}(value, factor={H}):\n    return value {op} factor",
    "closure": "def make_{h}(factor):\n    def inner(value):\n        {local} = value {op} factor\n"
    "        return {local}\n\n    return inner\n\n\n{h} = make_{h}({H})",
    "partial": "def times_{h}(factor, value):\n    return value {op} factor\n\n\n"
    "{h} = functools.partial(times_{h}, {H})",
    "class": "class Tool_{h}:\n    factor = {H}\n\n    def __init__(self, value):\n        self.value = value\n\n"
    "    def go(self):\n        return self.value {op} self.factor\n\n\n"
    "def {h}(value):\n    return Tool_{h}(value).go()",
    "table": "TABLE_{h} = {{'one': lambda value: value {op} {H}}}\n\n\n"
    "def {h}(value):\n    {local} = TABLE_{h}['one']\n    return {local}(value)",
    "decorated": "@scaled_by({H})\ndef {h}(value):\n    return value {op} 0.5",
    "record": "@dataclasses.dataclass(frozen=True)\nclass Record_{h}:\n    factor: float\n\n\n"
    "RECORD_{h} = Record_{h}({H})\n\n\ndef {h}(value):\n    return value {op} RECORD_{h}.factor",
    "branch": "if {H} > 1.5:\n    def {h}(value):\n        return value {op} {H}\nelse:\n"
    "    def {h}(value):\n        return value {op} (3 - {H})",
    "nested": "def {h}(value):\n    def inner({local}):\n        return {local} {op} {H}\n\n"
    "    return [inner(one) for one in (value,)][0]",
}
"""Ways in which a helper may reach its constant."""


@dataclass(frozen=True)
class Helper:
    """A function of one value, which depends on a constant of its module."""

    name: str
    form: str = PLAIN
    scale: str = "2.0"
    op: str = "*"
    local: str = "found"
    calls: str | None = None
    """Another helper, through which the value goes first."""

    @property
    def constant(self) -> str:
        """Name of its constant."""
        return f"{self.name.upper()}_SCALE"

    def text(self) -> str:
        """Its source."""
        body = FORMS[self.form].format(h=self.name, H=self.constant, op=self.op, local=self.local)
        if self.calls is not None:
            inner = f"inner_{self.name}"
            body = FORMS[self.form].format(h=inner, H=self.constant, op=self.op, local=self.local)
            body += f"\n\n\ndef {self.name}(value):\n    return {inner}({self.calls}(value))"
        return f"{self.constant} = {self.scale}\n\n\n{body}\n"


@dataclass(frozen=True)
class Declared:
    """One declaration."""

    name: str
    kind: str
    inputs: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    options: str = ""
    sure: frozenset[str] = frozenset()
    """Of a decision: the thresholds it asks only where they are sure."""
    per: str = ""
    """Of a model: the options that make it a family."""
    parts: tuple[str, ...] = ()
    """The parts of a family, its parent among them."""
    own: str = "0.5"
    """A number in its own function."""
    group: str = "team"
    bound: str = "0.5"
    strength: str = "1.0"

    @property
    def shared(self) -> bool:
        """Whether it is a node of another project."""
        return ":" in self.name

    @property
    def there(self) -> str:
        """What its own project calls it."""
        return self.name.rpartition(":")[2]

    @property
    def variable(self) -> str:
        """The variable that holds it."""
        return variable(self.name)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of its nodes."""
        return tuple(f"{self.name}[{part}]" for part in self.parts) or (self.name,)


@dataclass(frozen=True)
class Shape:
    """A graph to write and to foretell from."""

    name: str
    nodes: tuple[Declared, ...]
    helpers: Mapping[str, Helper]
    doc: str = "What it is."
    owner: str = "team@example.com"
    order: Callable[[list[str]], list[str]] | None = field(default=None, compare=False)
    """Puts texts that may stand in any order into another one."""
    other: Shape | None = None
    """The other project that it shares nodes of."""

    def __str__(self) -> str:
        return self.name

    def __getitem__(self, name: str) -> Declared:
        return next(one for one in self.nodes if one.name == name.partition("[")[0])

    # ── what is foretold ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def ids(self) -> list[str]:
        """Ids of all nodes."""
        return [name for one in self.nodes for name in one.ids]

    @property
    def own(self) -> list[Declared]:
        """The nodes that are not of another project."""
        return [one for one in self.nodes if not one.shared]

    @property
    def own_ids(self) -> list[str]:
        """Ids of the nodes that are not of another project."""
        return [name for one in self.own for name in one.ids]

    def of_kind(self, *kinds: str) -> list[str]:
        """Ids of the nodes of some kinds."""
        return [name for one in self.nodes if one.kind in kinds for name in one.ids]

    def own_of_kind(self, *kinds: str) -> list[str]:
        """Ids of the own nodes of some kinds."""
        return [name for one in self.own if one.kind in kinds for name in one.ids]

    def shared_below(self, names: Iterable[str]) -> set[str]:
        """The shared nodes that are, or rest on, some nodes of the other project."""
        assert self.other is not None
        reached = self.other.below(names)
        return {one.name for one in self.nodes if one.shared and one.there in reached}

    def edges(self, *, fitted: bool = True) -> Iterator[tuple[str, str]]:
        """Consumer and producer of each edge; ``fitted``: without those that a manifest settles."""
        for one in self.nodes:
            for text in one.inputs:
                above = self[text]
                if fitted and one.kind == "decision" and text not in one.sure:
                    continue
                for mine in one.ids:
                    part = mine.partition("[")[1] + mine.partition("[")[2]
                    for theirs in above.ids:
                        if one.kind == "decision" or not above.parts or theirs == text + part:
                            yield mine, theirs

    def below(self, names: Iterable[str], *, fitted: bool = True) -> set[str]:
        """The nodes and all that rest on them."""
        found = set(names)
        edges = list(self.edges(fitted=fitted))
        while more := {consumer for consumer, producer in edges if producer in found} - found:
            found |= more
        return found

    def above(self, names: Iterable[str]) -> set[str]:
        """The nodes and all that they rest on."""
        found = set(names)
        edges = list(self.edges(fitted=False))
        while more := {producer for consumer, producer in edges if consumer in found} - found:
            found |= more
        return found

    def reached_by(self, helper: str) -> set[str]:
        """The nodes whose function comes to a helper."""
        comes = {helper}
        while more := {one.name for one in self.helpers.values() if one.calls in comes} - comes:
            comes |= more
        return {name for one in self.nodes if comes & set(one.helpers) for name in one.ids}

    def decisions_below(self, name: str) -> set[str]:
        """The decisions that a node comes to."""
        return self.below([name], fitted=False) & set(self.of_kind("decision"))

    # ── another shape ─────────────────────────────────────────────────────────────────────────────────────────

    def with_helper(self, name: str, **changes: object) -> Shape:
        """The same, with one helper changed."""
        changed = dataclasses.replace(self.helpers[name], **changes)  # type: ignore[arg-type]
        return dataclasses.replace(self, helpers={**self.helpers, name: changed})

    def with_node(self, name: str, **changes: object) -> Shape:
        """The same, with one declaration changed."""
        nodes = tuple(
            dataclasses.replace(one, **changes) if one.name == name else one  # type: ignore[arg-type]
            for one in self.nodes
        )
        return dataclasses.replace(self, nodes=nodes)

    def with_other(self, other: Shape) -> Shape:
        """The same, with the other project changed."""
        return dataclasses.replace(self, other=other)

    # ── as source files ───────────────────────────────────────────────────────────────────────────────────────

    def files(self) -> dict[str, str]:
        """The text of each file."""
        blocks = {one.name: declaration(one, self) for one in self.nodes}
        steps = [step(one) for one in self.nodes if one.helpers]
        helpers = [one.text() for one in self._helpers_in_order()]
        header = HEADER.replace("team@example.com", self.owner)
        return {
            "tiny.py": "\n\n".join([header, *(blocks[name] for name in self._order())]),
            "steps.py": "\n\n".join(
                ['"""Between the declarations and the helpers."""\n\nimport deep\n', *self._put(steps)]
            ),
            "deep.py": "\n\n".join([DEEP, *self._put(helpers)]),
        }

    def write(self, folder: Path) -> Path:
        """Write the project anew, its data only when it is not there; gives its folder.

        Another project that it shares nodes of is written below it, and keeps its versions in the same store.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.other is not None:
            there = self.other.write(folder / OTHER)
            (there / "soroi.toml").write_text(OTHER_CONFIG.format(name=self.other.name, store=folder / ".soroi"))
        (folder / "soroi.toml").write_text(CONFIG)
        for name, text in self.files().items():
            (folder / name).write_text(text)
        if not (folder / "items.csv").exists():
            write_data(folder, ROWS)
        return folder

    def _put(self, texts: list[str]) -> list[str]:
        return self.order(texts) if self.order else texts

    def _helpers_in_order(self) -> list[Helper]:
        return list(self.helpers.values())

    def _order(self) -> list[str]:
        """Names with producers before consumers, as far as the order is free put by :attr:`order`."""
        waiting = self._put([one.name for one in self.nodes])
        done: list[str] = []
        while waiting:
            ready = next(name for name in waiting if set(self[name].inputs) <= set(done))
            waiting.remove(ready)
            done.append(ready)
        return done


def variable(name: str) -> str:
    """The variable that holds a node."""
    return name.replace(":", "_")


def step(one: Declared) -> str:
    """The function between a declaration and its helpers."""
    value = "value"
    for helper in one.helpers:
        value = f"deep.{helper}({value})"
    return f'def {one.name}_step(value):\n    """A step of {one.name}."""\n    return {value}\n'


def _through(one: Declared, value: str) -> str:
    return f"steps.{one.name}_step({value})" if one.helpers else value


def declaration(one: Declared, shape: Shape) -> str:
    """The source of one declaration."""
    tail = f", {one.options}" if one.options else ""
    doc = f'    """{shape.doc}"""'
    if one.shared:
        project = one.name.partition(":")[0]
        return f'{one.variable} = so.shared("{project}", {one.kind}="{one.there}{one.options}")\n'
    if one.kind == "source":
        column = "x" if one.name != "outcomes" else "level"
        value = "x" if one.name != "outcomes" else "bad"
        made = _through(one, f'pl.col("{value}").cast(pl.Float64)')
        columns = COLUMNS["outcomes" if one.name == "outcomes" else "items"]
        name = "outcomes.csv" if one.name == "outcomes" else "items.csv"
        return (
            f'@so.source(key="id", time="at", files=so.file("{name}"), group={one.group}{tail})\n'
            f"def {one.name}() -> pl.LazyFrame:\n{doc}\n"
            f'    return read("{name}").select({columns}, {column}={made})\n'
        )
    arguments = ", ".join(map(variable, one.inputs))
    if one.kind == "features":
        seen = _through(one, 'pl.col("x")')
        extra = ', "side"' if any(other.per for other in shape.nodes) and one.name == "basic" else ""
        return (
            f"@so.features({arguments}, group={one.group}{tail})\n"
            f"def {one.name}({arguments}) -> pl.LazyFrame:\n{doc}\n"
            f"    seen = {seen}\n"
            f'    return {variable(one.inputs[0])}.select("id"{extra}, {one.name}_v=seen + pl.col("y") * {one.own})\n'
        )
    if one.kind == "dataset":
        features = [name for name in one.inputs if shape[name].kind == "features"]
        outcomes = next(name for name in one.inputs if shape[name].kind == "source")
        joined = "".join(f'.join({variable(name)}, on="id")' for name in features)
        column = f"{shape[features[0]].there}_v"
        return (
            f"@so.dataset({arguments}, group={one.group}{tail})\n"
            f"def {one.name}({arguments}) -> pl.LazyFrame:\n{doc}\n"
            f"    rows = {variable(outcomes)}{joined}\n"
            f"    return rows.with_columns({column}={_through(one, f'pl.col({column!r})')})\n"
        )
    if one.kind == "model":
        scores = f", scores=[{', '.join(map(variable, one.inputs[1:]))}]" if one.inputs[1:] else ""
        folds = (
            ", out_of_fold=2"
            if any(one.name in other.inputs[1:] for other in shape.nodes if other.kind == "model")
            else ""
        )
        per = f", {one.per}" if one.per else ""
        return (
            f'@so.model({variable(one.inputs[0])}, target="bad", split=so.by_time(test="2d"){scores}{folds}{per}'
            f", group={one.group}{tail})\n"
            f"def {one.name}(train: pl.DataFrame, strength: float = {one.strength}) -> LogisticRegression:\n{doc}\n"
            f"    X, y = so.xy(train)\n"
            f"    return LogisticRegression(C=abs({_through(one, 'strength')}) + {one.own}).fit(X, y)\n"
        )
    if one.kind == "threshold":
        given = f", group={one.group}" if one.group != "team" or shape[one.inputs[0]].shared else ""
        return (
            f"{one.name} = so.threshold({arguments}, maximise=so.recall, "
            f"subject_to=so.precision >= {one.bound}{given}{tail})\n"
        )
    said = _through(one, 'float(row["x"])')
    asked = ", ".join(
        f"so.when_sure({variable(name)}, error=0.3)" if name in one.sure else variable(name) for name in one.inputs
    )
    return (
        f"def {one.name}_rule(row):\n{doc}\n    return {said} > 1\n\n\n"
        f'{one.name} = so.decision(cascade=[{asked}], deadline="1s", positive="stop", negative="go", '
        f'fail_safe="go", fallbacks=[{one.name}_rule], group={one.group}{tail})\n'
    )
