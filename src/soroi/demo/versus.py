"""The second half of March under both releases, on the same flights."""

from __future__ import annotations

import polars as pl

from soroi.demo.holdout import recorded_scores
from soroi.demo.march import DECISION, MODELS, replay_of, run_replay, second_half
from soroi.demo.measure import auc, compare
from soroi.demo.story import Result, Story
from soroi.demo.words import figure, points, share

NAMES = {"recall": "recall of warnings", "precision": "precision of warnings", "alert_rate": "share warned"}


def versus(story: Story) -> Result:
    """Replay the second half under the second release, and compare."""
    first, second = story.results["release"]["manifest"], story.results["follow"]["manifest"]
    wanted = second_half(story)
    served = run_replay(story, second, wanted)
    outcomes = story.world.arrivals.select("flight_id", turned_out="late")
    both = _answers(story, first).join(_answers(story, second), on="flight_id", suffix="_second")
    rows = both.join(outcomes, on="flight_id").select(
        "flight_id",
        "turned_out",
        day=pl.col("departure").dt.truncate("1d"),
        first="positive",
        second="positive_second",
        answer="answer_second",
        step="step_second",
    )
    asked = both.join(outcomes, on="flight_id").filter(
        pl.col("careful").is_not_null() & pl.col("careful_second").is_not_null()
    )
    turned_out = asked["turned_out"].to_numpy()
    return {
        "served": served,
        "rows": rows.height,
        "days": len(wanted),
        "figures": compare(rows),
        "careful": {
            "rows": asked.height,
            "first": auc(turned_out, asked["careful"].to_numpy()),
            "second": auc(turned_out, asked["careful_second"].to_numpy()),
        },
        "example": _example(rows),
    }


def _answers(story: Story, manifest: str) -> pl.DataFrame:
    """The answers about the second half under a release, with the score of careful where it was asked."""
    answers = replay_of(story, manifest, second_half(story)).answers()
    scores = recorded_scores(story.project, DECISION, manifest, MODELS)
    return answers.join(scores.select("answer", careful="second"), on="answer")


def _example(rows: pl.DataFrame) -> str:
    """Id of an answer worth tracing: a late flight of which only the second release warned, if there is one."""
    hits = rows.filter(pl.col("turned_out") & pl.col("second"))
    wanted = hits.filter(~pl.col("first") & (pl.col("step") == "careful_cut"))
    return str(next(found["answer"][0] for found in (wanted, hits, rows) if found.height))


def tell_versus(story: Story, result: Result) -> None:
    """How they compare."""
    served = result["served"]
    story.teller.say(
        f"The same {result['rows']:,} flights of {result['days']} days were asked about again under the second release "
        f"({served['requests']:,} requests). The difference is paired, in percentage points, and its 95 % interval "
        "comes from drawing whole days anew:"
    )
    rows = [
        [
            NAMES[name],
            share(one["first"]),
            share(one["second"]),
            points(one["difference"]),
            "clear" if one["clear"] else "not clear",
        ]
        for name, one in result["figures"].items()
    ]
    careful = result["careful"]
    rows.append(["area under ROC, careful", figure(careful["first"]), figure(careful["second"]), "", ""])
    story.teller.table(("", "first release", "second release", "difference", ""), rows)
    story.teller.say(_verdict(result))


def _verdict(result: Result) -> str:
    figures = result["figures"]
    up = [NAMES[n] for n in ("recall", "precision") if figures[n]["clear"] and figures[n]["difference"]["value"] > 0]
    down = [NAMES[n] for n in ("recall", "precision") if figures[n]["clear"] and figures[n]["difference"]["value"] < 0]
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
