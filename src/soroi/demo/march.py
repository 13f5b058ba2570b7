"""March: replayed under the first release, and what became of the quality."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from soroi.demo.holdout import kept_back, recorded_scores
from soroi.demo.inputs import moved_inputs
from soroi.demo.measure import differences, figures, is_apart
from soroi.demo.replay import Replay, midnights
from soroi.demo.story import END, FIRST, SECOND, Result, Story
from soroi.demo.words import difference, figure, points, share

DECISION = "warn_passenger"
"""What is asked about each flight."""

MODELS = ("quick", "careful")
"""The models of its two steps."""

SCORES = ("first", "second")
"""Columns with the scores of the two models."""

NAMES = {
    "first": "ROC area, quick",
    "second": "ROC area, careful (where asked)",
    "precision": "precision of warnings",
    "recall": "recall of warnings",
    "alert_rate": "share warned",
}
"""The figures, as they are told."""

HERE = " on these days"
"""Said of a difference that is clear for flights, and not for days."""

FEW = 4
"""Days of each half of March that the fast demo replays."""


def days(story: Story) -> list[datetime]:
    """The days that are replayed."""
    if story.fast:
        return [*midnights(FIRST, FEW), *midnights(SECOND, FEW)]
    return midnights(FIRST, (END - FIRST).days)


def second_half(story: Story) -> list[datetime]:
    """Those of them that both releases answer about."""
    return [day for day in days(story) if day >= SECOND]


def replay_of(story: Story, manifest: str, wanted: list[datetime]) -> Replay:
    """The replay of some days under a release."""
    return Replay(manifest, wanted, DECISION, story.folder / "answers")


def run_replay(story: Story, manifest: str, wanted: list[datetime]) -> dict[str, Any]:
    """Replay the days that are missing under a release; gives what it was like, as plain data."""
    replay = replay_of(story, manifest, wanted)
    began = time.monotonic()
    told = 0
    if replay.missing():
        story.answer_with(manifest)
        told = replay.run(story.world, story.client, story.teller.progress)
    answers = replay.answers()
    requests = answers.unique("seconds")["seconds"]
    return {
        "manifest": manifest,
        "days": len(wanted),
        "answers": answers.height,
        "requests": requests.len(),
        "told": told,
        "seconds": round(time.monotonic() - began, 1),
        "milliseconds": {
            "median": round(1000 * float(requests.quantile(0.5) or 0.0), 1),
            "p99": round(1000 * float(requests.quantile(0.99) or 0.0), 1),
        },
        "steps": dict(answers.group_by("step").len().sort("len", descending=True).iter_rows()),
        "falls": int(answers["falls"].sum()),
        "positive": int(answers["positive"].sum()),
    }


def replay_march(story: Story) -> Result:
    """Replay March under the first release."""
    story.teller.command("soroi serve")
    return run_replay(story, story.results["release"]["manifest"], days(story))


def tell_march(story: Story, result: Result) -> None:
    """How the server did."""
    steps = result["steps"]
    by = ", ".join(f"{name} {count / result['answers']:.0%}" for name, count in steps.items())
    told = f" {result['told']:,} arrivals and hours of weather were told to it as they became known." * bool(
        result["told"]
    )
    story.teller.say(
        f"{result['answers']:,} decisions in {result['requests']:,} requests, each for the flights of half an hour "
        f"(median {result['milliseconds']['median']:.0f} ms, 99 % within {result['milliseconds']['p99']:.0f} ms)."
        f"{told} Who answered: {by}; steps that failed, were late or lacked an input: {result['falls']:,}. Each "
        "answer is recorded with its release, its path, its inputs and its features."
    )


def quality(story: Story) -> Result:
    """Compare March with the days kept back before it, and see which inputs moved."""
    manifest, picks = story.results["release"]["manifest"], story.results["release"]["picks"]
    before = kept_back(story.project, picks, DECISION)
    answers = replay_of(story, manifest, days(story)).answers()
    after = judged(story, answers)
    return {
        "rows": {"before": before.height, "after": after.height},
        "before": figures(before, SCORES),
        "after": figures(after, SCORES),
        "differences": differences(before, after, SCORES, paired=False),
        "without_outcome": answers.height - after.height,
        "moved": moved_inputs(story.project, story.world, picks, days(story)),
    }


def judged(story: Story, answers: pl.DataFrame) -> pl.DataFrame:
    """Answers with the scores behind them and with how the flight turned out; without those that never arrived."""
    (manifest,) = answers["manifest"].unique()
    scores = recorded_scores(story.project, DECISION, manifest, MODELS)
    outcomes = story.world.arrivals.select("flight_id", turned_out="late")
    day = pl.col("departure").dt.truncate("1d").alias("day")
    return answers.join(scores, on="answer").join(outcomes, on="flight_id").with_columns(day).sort("flight_id")


def tell_quality(story: Story, result: Result) -> None:
    """What became of the quality, and what moved."""
    rows = result["rows"]
    story.teller.say(
        f"Outcomes are known now for {rows['after']:,} of these flights; {rows['before']:,} of the last days of "
        "February were kept back from the same models and thresholds. Each figure has its interval for single flights; "
        "that of the difference comes from drawing whole days anew, since flights of one day are alike:"
    )
    table = [
        [
            NAMES[name],
            worded(name, result["before"][name]),
            worded(name, result["after"][name]),
            *change(name, result["before"][name], result["after"][name], result["differences"].get(name)),
        ]
        for name in NAMES
    ]
    story.teller.table(("", "February", "March", "difference", ""), table)
    if any(row[-1].endswith(HERE) for row in table):
        story.teller.say(
            f"'{HERE.strip()}' means: more than chance among flights explains, but days differ so much that a week of "
            "February does not prove it will last. soroi says so rather than ring an alarm."
        )
    clear = [one for one in result["moved"] if one["difference"]["clear"]]
    if not clear:
        story.teller.say("No input moved beyond what days differ anyway.")
        return
    story.teller.say(
        f"{len(clear)} of {len(result['moved'])} inputs moved beyond what days differ anyway (days compared, not "
        "flights, at 95 % for all inputs together). The clearest:"
    )
    story.teller.table(("input", "January, February", "March", "difference"), [_moved(one) for one in clear[:6]])


def change(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], one: Mapping[str, Any] | None
) -> tuple[str, str]:
    """A difference in words: how much, and whether it is clear of zero, by days or only by flights.

    Args:
        name: Name of the figure.
        before: The figure, with its interval for single flights.
        after: The other.
        one: Their difference, with its interval by days; ``None`` when it is undefined.
    """
    if one is None:
        return "", "cannot be told"
    shown = difference(one) if name in SCORES else points(one)
    which = "rose" if one["value"] > 0 else "fell"
    if one["clear"]:
        return shown, which
    return shown, f"{which}{HERE}" if is_apart(before, after) else "not clear"


def worded(name: str, one: Mapping[str, Any]) -> str:
    """A figure with its interval, as fits its kind."""
    return figure(one) if name in SCORES else share(one)


def _moved(one: dict[str, Any]) -> list[str]:
    span = one["difference"]
    shown = f"{span['value']:+.3g} [{span['low']:+.3g}, {span['high']:+.3g}]"
    return [one["name"], f"{one['before']:.4g}", f"{one['after']:.4g}", shown]
