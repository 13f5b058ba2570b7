"""Random graphs and random edits, as real source files: what may give another output is never called fresh."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.shapes.catalogue import random_shape
from tests.shapes.conftest import Written
from tests.shapes.generator import FORMS, Shape
from tests.shapes.grooming import groomed

from soroi.build.status import RUNS_WHEN_SERVING, NodeStatus
from soroi.codebase import Codebase, load
from soroi.declare.fingerprint import Fingerprint
from soroi.project.parts import code_fingerprints

EXAMPLES = int(os.environ.get("SOROI_EXAMPLES", "4"))
"""Random projects that are built; set the variable for more."""

SEEDS = st.integers(0, 2**32)
BUILDING = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
LOOKING = settings(max_examples=20 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
ANSWERING = ("features", "model", "threshold", "decision")
VALUES = (-1.5, 0.0, 0.25, 3.0)


def shuffled(chance: random.Random) -> Callable[[list[str]], list[str]]:
    """Puts texts into a random order, the same for the same texts."""
    seed = chance.random()
    return lambda texts: random.Random(seed).sample(texts, len(texts))


def described_anew(shape: Shape, chance: random.Random) -> Shape:
    """The same graph with another order of declarations, another owner and other docstrings."""
    doc, owner = f"Doc {chance.random()}.", f"o{chance.randint(0, 99)}@example.com"
    return dataclasses.replace(shape, doc=doc, owner=owner, order=shuffled(chance))


def edited(shape: Shape, chance: random.Random) -> Shape:
    """One edit of the kind that people make; most change an output, some do not."""
    used = [name for name in sorted(shape.helpers) if shape.reached_by(name)] or sorted(shape.helpers)
    helper = shape.helpers[chance.choice(used)]
    node = chance.choice([one for one in shape.nodes if one.kind != "source"])
    earlier = list(shape.helpers)[: list(shape.helpers).index(helper.name)]
    number = chance.choice(["0.5", "1.0", "2.0", "2.5", "4.0 / 2", "1 + 1.0"])
    of_helper: dict[str, Any] = {
        "scale": number,
        "op": chance.choice("+-*".replace(helper.op, "")),
        "form": chance.choice(list(FORMS)),
        "local": chance.choice(["found", "made", "one"]),
        "calls": chance.choice([None, *earlier]),
    }
    choices: dict[str, dict[str, Any]] = {
        "features": {"own": number},
        "model": {"strength": number, "own": chance.choice(["0.5", "0.75"])},
        "threshold": {"bound": chance.choice(["0.3", "0.5", "0.8"])},
        "decision": {"inputs": node.inputs[::-1], "sure": frozenset[str]()},
        "dataset": {},
    }
    of_node = choices[node.kind]
    if node.kind != "threshold":
        of_node["helpers"] = tuple(chance.sample(sorted(shape.helpers), chance.randint(0, 2)))
    if chance.random() < 0.65:
        field = chance.choice(["scale", "scale", "scale", "op", "op", "op", "form", "local", "calls"])
        return shape.with_helper(helper.name, **{field: of_helper[field]})
    if not of_node:
        return shape
    field = chance.choice(sorted(of_node))
    if field in ("inputs", "sure"):
        return shape.with_node(node.name, **{name: of_node[name] for name in ("inputs", "sure")})
    return shape.with_node(node.name, **{field: of_node[field]})


def rewrite(written: Written, shape: Shape, chance: random.Random) -> None:
    """Write a shape over a project, and groom its text."""
    written.becomes(shape)
    for name, text in groomed(shape.files(), chance).items():
        (written.folder / name).write_text(text)
    written.project.reload()


def plain(found: dict[str, NodeStatus]) -> dict[str, tuple[str, bool, str | None]]:
    return {name: (one.state.value, one.settled, one.version) for name, one in found.items()}


def check_against_the_truth(written: Written) -> int:
    """Hold the statuses against what running everything again gives; tells how many outputs were others."""
    told = written.project.statuses()
    judged = {name: written.project.version(one.version) for name, one in told.items() if one.version}
    offered = written.attempt().versions
    truth = written.attempt(force=True).versions
    assert offered.keys() == truth.keys()
    changed = 0
    for name, one in told.items():
        sure = one.state.is_fresh or one.settled
        if name not in truth or name not in judged:  # an edit can make a build fail
            assert not sure, f"{name} is called {one.state}, and cannot be built"
            continue
        assert truth[name].output == offered[name].output, f"{name} was reused, and gives another output now"
        differs = judged[name].output != truth[name].output
        changed += differs
        assert not (differs and sure), f"{name} is called {one.state}, and is not"
        if one.state.is_fresh and one.kind in RUNS_WHEN_SERVING:
            assert judged[name].definition == truth[name].definition, name
    return changed


def history(folder: Path, seed: int) -> int:
    """A project that is built, then edited, groomed, staged and built in turn; tells how many outputs changed."""
    chance = random.Random(seed)
    shape = random_shape(chance, models=2)
    written = Written(shape.write(folder), shape)
    changed = 0
    try:
        first = written.attempt()
        assert written.stale() == set(shape.ids) - first.versions.keys()
        for _ in range(2):
            if chance.random() < 0.5:
                written.project.stage(*set(written.attempt().versions) & set(shape.of_kind(*ANSWERING)))
            for _ in range(chance.randint(1, 2)):
                shape = edited(shape, chance)
            written.becomes(shape)
            before = plain(written.project.statuses())
            shape = described_anew(shape, chance)
            rewrite(written, shape, chance)
            assert plain(written.project.statuses()) == before, "grooming changed a status"
            changed += check_against_the_truth(written)
        last = written.attempt().versions
        written.project.stage(*last.keys() & set(shape.of_kind(*ANSWERING)))
        assert written.stale() == set(shape.ids) - last.keys()
    finally:
        written.close()
    return changed


@BUILDING
@given(SEEDS)
def test_whatever_gives_another_output_is_never_fresh_and_grooming_changes_no_status(
    few_threads: None, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history(Path(folder) / "random", seed)


def test_the_random_edits_do_change_outputs_often_enough_to_mean_something(tmp_path: Path, few_threads: None) -> None:
    assert sum(history(tmp_path / str(seed), seed) for seed in (1, 2)) >= 4


def looked_at(folder: Path, texts: dict[str, str]) -> tuple[Codebase, dict[str, Fingerprint]]:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    code = load(folder, "tiny")
    return code, code_fingerprints(code, code.graph)


def said(found: dict[str, Fingerprint]) -> dict[str, list[str]]:
    """All that a fingerprint says of behaviour, by node."""
    return {
        name: [
            one.behaviour,
            one.upstream_behaviour,
            *sorted(f"{k} {c.digest}" for k, c in one.components.items()),
        ]
        for name, one in found.items()
    }


def values(code: Codebase, shape: Shape) -> dict[str, object]:
    """What the functions of each node really give, and the numbers it is declared with."""
    steps = code.modules["steps"]
    return {
        one.name: (
            [getattr(steps, f"{one.name}_step")(value) if one.helpers else value for value in VALUES],
            str(code.graph[one.name].spec.behaviour()) + str(code.graph[one.name].parameters),
            float(one.own) if "/" not in one.own and "+" not in one.own else 2.0,
            one.inputs,
        )
        for one in shape.nodes
    }


@LOOKING
@given(SEEDS)
def test_no_edit_that_changes_what_a_function_gives_keeps_the_fingerprint(seed: int) -> None:
    chance = random.Random(seed)
    shape = random_shape(chance)
    other = edited(shape, chance)
    with tempfile.TemporaryDirectory() as folder:
        code, first = looked_at(Path(folder) / "a", shape.files())
        before = values(code, shape)
        code, second = looked_at(Path(folder) / "b", other.files())
        after = values(code, other)
    assert all(one.unknown == () for one in (*first.values(), *second.values()))
    for name in before:
        own = dataclasses.replace(shape[name], options="") != dataclasses.replace(other[name], options="")
        if before[name] != after[name]:
            assert first[name].behaviour != second[name].behaviour, name
            for below in shape.below([name], fitted=False) - {name}:
                assert first[below].upstream_behaviour != second[below].upstream_behaviour, (name, below)
        elif not own and not set(other.helpers.items()) - set(shape.helpers.items()):
            assert first[name].behaviour == second[name].behaviour, name


@LOOKING
@given(SEEDS)
def test_equal_graphs_have_equal_fingerprints_wherever_and_in_whatever_order_they_are_written(
    seed: int,
) -> None:
    chance = random.Random(seed)
    shape = random_shape(chance)
    again = described_anew(shape, chance)
    with tempfile.TemporaryDirectory() as folder:
        _, first = looked_at(Path(folder) / "a", shape.files())
        texts = groomed(again.files(), chance)
        other = {"tiny.py": texts["tiny.py"].replace("import steps", "import deep\nimport steps", 1), **texts}
        _, second = looked_at(Path(folder) / "deeper" / "b", {**texts, "tiny.py": other["tiny.py"]})
    assert said(first) == said(second)


PROGRAM = """
import json, sys
from pathlib import Path
from soroi.codebase import load
from soroi.project.parts import code_fingerprints
from tests.shapes.test_random_graphs import said
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    code = load(folder, "tiny")
    found[folder.name] = said(code_fingerprints(code, code.graph))
print(json.dumps(found))
"""


def test_fingerprints_are_the_same_in_another_process_with_another_hash_seed(tmp_path: Path) -> None:
    here: dict[str, dict[str, list[str]]] = {}
    for seed in range(12):
        shape = random_shape(random.Random(seed))
        _, found = looked_at(tmp_path / "here" / f"{seed:02d}", shape.files())
        here[f"{seed:02d}"] = said(found)
        again = dataclasses.replace(shape, order=shuffled(random.Random(seed)))
        (tmp_path / "there" / f"{seed:02d}").mkdir(parents=True)
        for name, text in again.files().items():
            (tmp_path / "there" / f"{seed:02d}" / name).write_text(text)
    root = Path(__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "there")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(root)},
    )
    assert msgspec.json.decode(there.stdout) == here
