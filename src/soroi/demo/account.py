"""Account for one answer; roll back, and forward again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from soroi.base.reason import Reason
from soroi.demo.march import DECISION
from soroi.demo.replay import DAY
from soroi.demo.story import SECOND, Result, Story

DETAILED = ("answer", "path")
"""Kinds of reasons that are told with all that is directly behind them."""

FOLLOWED = ("cuts: ", "trains on: ")
"""Beginnings of the reasons that are followed further: threshold to model to data."""

LEFT_OUT = "uses feature: "
"""Beginning of the reasons that are not told: the features are named before."""

WIDTH = 150
"""Characters of a line; what is longer is cut."""


def trace_one(story: Story) -> Result:
    """Trace one answer to everything it rests on."""
    from soroi.project.trace import trace

    answer = story.results["versus"]["example"]
    story.teller.command(f"soroi trace {answer}")
    found = trace(story.project, answer)
    versions = {one.subject for one in found.reason.walk() if one.subject and "@" in one.subject}
    answered = str(found.record["path"][-1]["name"])
    return {"answer": answer, "lines": list(_lines(found.reason, answered)), "rests_on": len(versions)}


def _lines(reason: Reason, answered: str, depth: int = 0) -> Iterator[str]:
    """The tree as lines: all that is directly behind the answer, and the thread of the step that answered."""
    text = "  " * depth + reason.text
    yield text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    if reason.kind in DETAILED or reason.text.startswith((*FOLLOWED, f"{answered}@")):
        for child in reason.because:
            if not child.text.startswith(LEFT_OUT):
                yield from _lines(child, answered, depth + 1)


def tell_trace(story: Story, result: Result) -> None:
    """What the answer rests on."""
    story.teller.lines(result["lines"])
    story.teller.say(
        f"From one answer to the {result['rests_on']} versions behind it: thresholds, models, features, and the data "
        "and the code they were made from, each by its digest. Asked in years, it says the same."
    )


def rollback(story: Story) -> Result:
    """Go back to the first release, ask, and go forward again."""
    first, second = story.results["release"]["manifest"], story.results["follow"]["manifest"]
    story.answer_with(second)
    flight = next(story.world.ticks(SECOND, SECOND + DAY)).flights[:1]
    story.teller.command("soroi rollback")
    began = time.monotonic()
    story.project.rollback(to=first, reason="demo: back")
    story.client.follow(first)
    back = round(time.monotonic() - began, 2)
    then, _ = story.client.decide(DECISION, flight)
    story.teller.command("soroi release")
    began = time.monotonic()
    story.project.release(reason="demo: forward again")
    story.client.follow(second)
    forward = round(time.monotonic() - began, 2)
    now, _ = story.client.decide(DECISION, flight)
    return {
        "back": {"manifest": then[0]["manifest"], "seconds": back, "score": then[0]["score"]},
        "forward": {"manifest": now[0]["manifest"], "seconds": forward, "score": now[0]["score"]},
        "flight": flight[0]["flight_id"],
        "right": then[0]["manifest"] == first and now[0]["manifest"] == second,
    }


def tell_rollback(story: Story, result: Result) -> None:
    """Who answered when."""
    back, forward = result["back"], result["forward"]
    story.teller.say(
        f"Back: after {back['seconds']:.1f} s flight {result['flight']} was answered from {back['manifest']}. "
        f"Forward again: after {forward['seconds']:.1f} s from {forward['manifest']}. The whole set moved both times, "
        "by one pointer; the history keeps every move, and nothing was built or lost."
    )
