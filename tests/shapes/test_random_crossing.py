"""Random pairs of projects with random edits on both sides: what may give another output is never called fresh."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from tests.shapes.catalogue import cut, dataset, decision, features, model, public, random_shape, shared, source
from tests.shapes.conftest import Written
from tests.shapes.generator import Declared, Helper, Shape
from tests.shapes.test_random_graphs import ANSWERING, BUILDING, EXAMPLES, SEEDS, check_against_the_truth, edited


def random_pair(chance: random.Random) -> Shape:
    """A random project with public nodes, and one that uses some of them beside its own."""
    base = random_shape(chance, models=2)
    opened = tuple(one if one.kind == "decision" else public(one) for one in base.nodes)
    base = dataclasses.replace(base, name="base", nodes=opened)

    def some(kind: str) -> list[str]:
        names = [one.name for one in base.nodes if one.kind == kind]
        return chance.sample(names, chance.randint(1, len(names)))

    live = base.above([one.name for one in base.nodes if one.kind == "decision"])
    taken = [name for name in some("features") if name in live]
    asked = [name for name in some("threshold") if name in live]
    helpers = {f"h{n}": Helper(f"h{n}", scale=chance.choice(["0.5", "2.0"])) for n in range(2)}
    kinds = {one.name: one.kind for one in base.nodes}
    nodes: list[Declared] = [shared("base:items", "source")]
    nodes += [shared(f"base:{name}", kinds[name]) for name in (*taken, *asked) if name != "items"]
    nodes += [source("outcomes"), dataclasses.replace(features("own", "base:items"), helpers=("h0",))]
    joined = [f"base:{name}" for name in taken if kinds[name] == "features"]
    nodes += [dataset("examples", *joined, "own"), dataclasses.replace(model("guess", "examples"), helpers=("h1",))]
    nodes += [cut("guess_cut", "guess"), decision("ask", *(f"base:{name}" for name in asked), "guess_cut")]
    return Shape("crossing", tuple(nodes), helpers, other=base)


def becomes(written: Written, shape: Shape) -> bool:
    """Write a shape over a pair; whether the other project could be released with it."""
    shape.write(written.folder)
    written.shape = shape
    assert written.other is not None
    if not written.other.attempt().ok:
        return False
    written.other.project.stage(everything=True)
    written.other.project.release()
    return True


def history(folder: Path, seed: int) -> int:
    """A pair that is built, then edited on both sides and built in turn; tells how many outputs changed."""
    chance = random.Random(seed)
    shape = random_pair(chance)
    assert shape.other is not None
    written = Written(shape.write(folder), shape)
    changed = 0
    try:
        if not becomes(written, shape):
            return 0
        first = written.attempt()
        assert written.stale() == set(shape.ids) - first.versions.keys()
        if first.ok:
            written.project.stage(everything=True)
            written.project.release()
        for _ in range(2):
            assert shape.other is not None
            other = shape.with_other(edited(shape.other, chance))
            if becomes(written, other):
                shape = other
            if chance.random() < 0.5:
                helper = chance.choice(sorted(shape.helpers))
                shape = shape.with_helper(helper, scale=chance.choice(["1.0", "2.5", "4.0 / 2"]))
            shape.write(written.folder)
            written.project.reload()
            changed += check_against_the_truth(written)
        last = written.attempt().versions
        written.project.stage(*last.keys() & set(shape.of_kind(*ANSWERING)))
        assert written.stale() == set(shape.ids) - last.keys()
    finally:
        written.close()
    return changed


@settings(BUILDING, max_examples=max(1, EXAMPLES // 2))
@given(SEEDS)
def test_whatever_another_project_released_that_gives_another_output_is_never_fresh(
    few_threads: None, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history(Path(folder) / "crossing", seed)


def test_the_random_edits_there_do_reach_this_project_often_enough(tmp_path: Path, few_threads: None) -> None:
    assert sum(history(tmp_path / str(seed), seed) for seed in (1, 3)) >= 3
