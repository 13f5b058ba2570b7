"""The shapes of graph that every behaviour is tested on, and random ones."""

from __future__ import annotations

import dataclasses
import random

from tests.shapes.generator import FORMS, Declared, Helper, Shape


def _shape(name: str, *nodes: Declared, common: tuple[str, ...] = ()) -> Shape:
    """A shape in which each function has a helper of its own; those of ``common`` share a further one."""
    helpers: dict[str, Helper] = {}
    with_helpers: list[Declared] = []
    for one in nodes:
        mine: tuple[str, ...] = ()
        if one.kind != "threshold" and not one.shared:
            helper = Helper(f"{one.name}_core")
            helpers[helper.name] = helper
            mine = (helper.name, "common") if one.name in common else (helper.name,)
        with_helpers.append(dataclasses.replace(one, helpers=mine))
    if common:
        helpers["common"] = Helper("common", scale="3.0")
    return Shape(name, tuple(with_helpers), helpers)


def source(name: str) -> Declared:
    return Declared(name, "source")


def shared(name: str, kind: str) -> Declared:
    return Declared(name, kind)


def public(one: Declared, *more: str) -> Declared:
    return dataclasses.replace(one, options=", ".join(['access="public"', *more]))


def features(name: str, *inputs: str) -> Declared:
    return Declared(name, "features", inputs or ("items",))


def dataset(name: str, *inputs: str) -> Declared:
    return Declared(name, "dataset", (*inputs, "outcomes"))


def model(name: str, data: str, *scores: str, per: str = "", parts: tuple[str, ...] = ()) -> Declared:
    return Declared(name, "model", (data, *scores), per=per, parts=parts)


def cut(name: str, of: str, parts: tuple[str, ...] = ()) -> Declared:
    return Declared(name, "threshold", (of,), parts=parts)


def decision(name: str, *asked: str, sure: str = "") -> Declared:
    return Declared(name, "decision", asked, sure=frozenset([sure] if sure else []))


_DATA = (source("items"), source("outcomes"))
_OPEN = ("down", "up", "all")
_NAMED = ("up", "down")
_PER = 'per="side", parts=["up", "down"]'

_BASE = _shape(
    "base",
    public(source("items")),
    source("outcomes"),
    public(features("more")),
    features("hidden"),
    public(dataset("examples", "more")),
    dataset("long", "more", "hidden"),
    public(model("first", "examples"), "out_of_fold=2"),
    model("deep", "long"),
    cut("first_cut", "first"),
    public(cut("deep_cut", "deep")),
    decision("check", "first_cut", "deep_cut", sure="first_cut"),
)
"""A whole project; what others may use of it is public, and some of that rests on what they may not use."""

SHAPES = (
    _shape(
        "chain",
        *_DATA,
        features("basic"),
        features("more"),
        dataset("short", "basic"),
        dataset("long", "basic", "more"),
        model("first", "short"),
        model("second", "long", "first"),
        model("third", "long", "first", "second"),
        cut("third_cut", "third"),
        decision("check", "third_cut"),
    ),
    _shape(
        "diamond",
        *_DATA,
        features("basic"),
        features("more"),
        dataset("examples", "basic", "more"),
        model("left", "examples"),
        model("right", "examples"),
        model("top", "examples", "left", "right"),
        cut("top_cut", "top"),
        decision("check", "top_cut"),
    ),
    _shape(
        "fan_out",
        *_DATA,
        features("basic"),
        dataset("examples", "basic"),
        *(model(f"m{n}", "examples") for n in range(4)),
        *(cut(f"m{n}_cut", f"m{n}") for n in range(4)),
        decision("check", "m0_cut", "m1_cut", "m2_cut", "m3_cut"),
    ),
    _shape(
        "shared_feature",
        *_DATA,
        features("basic"),
        features("more"),
        dataset("short", "basic"),
        dataset("long", "basic", "more"),
        model("quick", "short"),
        model("careful", "long"),
        cut("quick_cut", "quick"),
        cut("careful_cut", "careful"),
        decision("check", "quick_cut"),
        decision("other", "careful_cut"),
        common=("more", "quick"),
    ),
    _shape(
        "nested_thresholds",
        *_DATA,
        features("basic"),
        dataset("examples", "basic"),
        model("first", "examples"),
        model("second", "examples", "first"),
        model("third", "examples", "second", "first"),
        cut("first_cut", "first"),
        cut("second_cut", "second"),
        cut("third_cut", "third"),
        decision("check", "first_cut", "third_cut", sure="first_cut"),
        decision("other", "second_cut", "first_cut"),
    ),
    _shape(
        "family",
        *_DATA,
        features("basic"),
        dataset("examples", "basic"),
        model("risk", "examples", per='per="side", parent="all"', parts=_OPEN),
        cut("risk_cut", "risk", _OPEN),
        decision("check", "risk_cut"),
    ),
    _shape(
        "nested_family",
        *_DATA,
        features("basic"),
        dataset("examples", "basic"),
        model("risk", "examples", per=_PER, parts=_NAMED),
        model("again", "examples", "risk", per=_PER, parts=_NAMED),
        cut("risk_cut", "risk", _NAMED),
        cut("again_cut", "again", _NAMED),
        decision("check", "again_cut"),
        decision("other", "risk_cut"),
    ),
    _shape(
        "two_decisions",
        *_DATA,
        features("basic"),
        dataset("examples", "basic"),
        model("guess", "examples"),
        cut("low_cut", "guess"),
        cut("high_cut", "guess"),
        decision("check", "low_cut"),
        decision("other", "high_cut"),
        decision("both", "low_cut", "high_cut", sure="low_cut"),
    ),
    dataclasses.replace(
        _shape(
            "cross_project",
            shared("base:items", "source"),
            shared("base:more", "features"),
            shared("base:examples", "dataset"),
            shared("base:first", "model"),
            shared("base:deep_cut", "threshold"),
            source("outcomes"),
            features("basic", "base:items"),
            dataset("examples", "base:more", "basic"),
            model("first", "base:examples"),
            model("second", "examples", "first", "base:first"),
            cut("first_cut", "first"),
            cut("second_cut", "second"),
            cut("other_cut", "base:first"),
            decision("check", "base:deep_cut", "second_cut", sure="base:deep_cut"),
            decision("other", "first_cut", "other_cut"),
        ),
        other=_BASE,
    ),
)
"""Every behaviour is tested on each of these."""


# ── random ones ───────────────────────────────────────────────────────────────────────────────────────────────────


def random_shape(chance: random.Random, *, models: int = 3) -> Shape:
    """A graph of some sources, features, datasets, models on models, thresholds and decisions; helpers are shared.

    Args:
        chance: Where its choices come from.
        models: The most models it has.
    """
    helpers: dict[str, Helper] = {}
    for n in range(chance.randint(2, 6)):
        calls = chance.choice([None, None, *helpers])
        scale = chance.choice(["0.5", "1.0", "2.0", "3.0"])
        helpers[f"h{n}"] = Helper(f"h{n}", chance.choice(list(FORMS)), scale, chance.choice("*+-"), calls=calls)

    def some() -> tuple[str, ...]:
        return tuple(chance.sample(sorted(helpers), chance.choice([0, 1, 1, 2])))

    nodes = [source("items"), source("outcomes")]
    seen = [f"f{n}" for n in range(chance.randint(1, 3))]
    nodes += [features(name) for name in seen]
    data = [f"d{n}" for n in range(chance.randint(1, 2))]
    takes = {name: tuple(chance.sample(seen, chance.randint(1, len(seen)))) for name in data}
    nodes += [dataset(name, *takes[name]) for name in data]
    made: list[Declared] = []
    for n in range(chance.randint(1, models)):
        mine = chance.choice(data)
        able = [one for one in made if set(takes[one.inputs[0]]) <= set(takes[mine])]
        chosen = {name for one in able if chance.random() < 0.5 for name in (*one.inputs[1:], one.name)}
        made.append(model(f"m{n}", mine, *sorted(chosen)))
    nodes += made
    cuts = [cut(f"t{n}", chance.choice(made).name) for n in range(chance.randint(1, 3))]
    nodes += cuts
    for n in range(chance.randint(1, 2)):
        asked = chance.sample([one.name for one in cuts], chance.randint(1, len(cuts)))
        nodes.append(decision(f"c{n}", *asked, sure=chance.choice(["", *asked[:-1]])))
    with_helpers = (dataclasses.replace(one, helpers=() if one.kind == "threshold" else some()) for one in nodes)
    return Shape("random", tuple(with_helpers), helpers)
