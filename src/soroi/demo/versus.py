"""The second half of March under both releases, on the same flights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from soroi.demo.march import NAMES, SCORES, judged, replay_of, run_replay, second_half, worded
from soroi.demo.measure import differences, figures
from soroi.demo.story import Result, Story
from soroi.demo.words import difference, points


def versus(story: Story) -> Result:
    """Replay the second half under the second release, and compare."""
    wanted = second_half(story)
    manifests = [story.results["release"]["manifest"], story.results["follow"]["manifest"]]
    served = run_replay(story, manifests[1], wanted)
    first, second = (judged(story, replay_of(story, one, wanted).answers()) for one in manifests)
    return {
        "served": served,
        "rows": second.height,
        "days": len(wanted),
        "first": figures(first, SCORES),
        "second": figures(second, SCORES),
        "differences": differences(first, second, SCORES, paired=True),
        "example": _example(first, second),
    }


def _example(first: pl.DataFrame, second: pl.DataFrame) -> str:
    """Id of an answer worth tracing: a late flight of which only the second release warned, if there is one."""
    rows = second.join(first.select("flight_id", before="positive"), on="flight_id", maintain_order="left")
    hits = rows.filter(pl.col("turned_out") & pl.col("positive"))
    wanted = hits.filter(~pl.col("before") & (pl.col("step") == "careful_cut"))
    return str(next(found["answer"][0] for found in (wanted, hits, rows) if found.height))


def tell_versus(story: Story, result: Result) -> None:
    """How they compare."""
    served = result["served"]
    story.teller.say(
        f"The same {result['rows']:,} flights of {result['days']} days, asked about again under the second release "
        f"({served['requests']:,} requests). The differences are paired, and whole days are drawn anew for their "
        "intervals:"
    )
    rows = [
        [
            NAMES[name],
            worded(name, result["first"][name]),
            worded(name, result["second"][name]),
            *paired(name, result["differences"].get(name)),
        ]
        for name in NAMES
        if name != "first"
    ]
    story.teller.table(("", "first release", "second release", "difference", ""), rows)
    story.teller.say(_verdict(result))


def paired(name: str, one: Mapping[str, Any] | None) -> tuple[str, str]:
    """A paired difference in words: how much, and whether it is clear of zero."""
    if one is None:
        return "", "cannot be told"
    shown = difference(one) if name in SCORES else points(one)
    return shown, ("higher" if one["value"] > 0 else "lower") if one["clear"] else "not clear"


def _verdict(result: Result) -> str:
    found = {name: result["differences"][name] for name in ("recall", "precision") if name in result["differences"]}
    up = [NAMES[name] for name, one in found.items() if one["clear"] and one["value"] > 0]
    down = [NAMES[name] for name, one in found.items() if one["clear"] and one["value"] < 0]
    if not up and not down:
        return (
            "On these days neither release is clearly better: the honest answer, however new the second one is. Both "
            "stay on record, and the older one is one command away."
        )
    parts = []
    if up:
        parts.append(f"the second release is clearly better in {' and '.join(up)}")
    if down:
        parts.append(f"{'but ' if up else 'the second release is '}clearly worse in {' and '.join(down)}")
    return f"On these days {', '.join(parts)}. Whether that is worth having is for people to say; the figures are here."
