"""Train freely, then stage the best: the others are behind, and the release is refused."""

from __future__ import annotations

import time
from typing import Any

from soroi.base.errors import OutOfStepError
from soroi.demo.begin import check, figures_of, progress
from soroi.demo.story import SECOND, Result, Story
from soroi.demo.words import figure

NODE = "careful"
"""The model that is trained."""

CANDIDATES: tuple[dict[str, Any], ...] = (
    {},
    {"learning_rate": 0.05, "max_iter": 120},
    {"max_leaf_nodes": 31, "max_iter": 60},
)
"""Hyper-parameters to try; the first are those declared."""

METRIC = "roc_auc"


def train(story: Story) -> Result:
    """Train candidates on what was known in the middle of March."""
    before = standing(story)
    began = time.monotonic()
    found: dict[str, dict[str, Any]] = {}
    for chosen in CANDIDATES:
        settings = "".join(f" --set {NODE}.{name}={value}" for name, value in chosen.items())
        story.teller.command(f"soroi build {NODE} --as-of {SECOND:%Y-%m-%d}{settings}")
        done = story.project.build(
            NODE, as_of=SECOND, set={NODE: chosen} if chosen else None, progress=progress(story.teller)
        )
        check(done)
        record = done.versions[NODE]
        found[record.id] = {"chosen": chosen, "figure": figures_of(record.facts)[METRIC]}
    after = standing(story)
    changed = sorted(node for node in after if node != NODE and after[node] != before.get(node))
    best = max(found, key=lambda one: found[one]["figure"]["value"])
    return {
        "candidates": found,
        "best": best,
        "changed": changed,
        "others": len(after) - 1,
        "seconds": round(time.monotonic() - began, 1),
    }


def standing(story: Story) -> dict[str, Any]:
    """How each node stands: its state with the reasons, and what is judged, staged and live."""
    keys = ("state", "reasons", "version", "staged", "live")
    found = story.project.statuses()
    return {name: {key: one.to_dict()[key] for key in keys} for name, one in found.items()}


def tell_train(story: Story, result: Result) -> None:
    """What was trained, and that nothing else moved."""
    rows = [
        [
            version,
            ", ".join(f"{name}={value}" for name, value in one["chosen"].items()) or "as declared",
            figure(one["figure"]),
            "best" if version == result["best"] else "",
        ]
        for version, one in result["candidates"].items()
    ]
    story.teller.table(("candidate", "tried", "area under ROC on days kept back", ""), rows)
    changed = ", ".join(result["changed"])
    moved = (
        f"the status of {changed} changed" if changed else f"the status of none of the other {result['others']} changed"
    )
    story.teller.say(
        f"{len(rows)} candidates in {result['seconds']:.0f} s, on outcomes until {SECOND:%d %B}; {moved}. Training is "
        "free: what others rest on is staged, and only staging moves them. (The best of several looks a little better "
        "than it is; the comparison below is on days that none of them saw.)"
    )


def refusal(story: Story) -> Result:
    """Stage the best candidate alone, look at the plan, and try to release."""
    first, best = story.results["release"], story.results["train"]["best"]
    story.project.stage(*first["picks"].values(), note="demo: as released")
    story.teller.command(f"soroi stage {NODE} --best {METRIC}")
    story.project.stage(best, note="demo: the best candidate")
    story.teller.command("soroi plan")
    plan = story.project.plan()
    story.teller.command("soroi release")
    before = story.live()
    refused: dict[str, Any] | None = None
    try:
        story.project.release(reason="demo: too early")
    except OutOfStepError as error:
        refused = {"message": error.message, "hint": error.hint, "status": error.exit_code}
    return {
        "staged": best,
        "behind": {node: [reason.text for reason in reasons] for node, reasons in plan.report.behind.items()},
        "needs": {one.node: one.action.value for one in plan.nodes if one.action.is_work},
        "commands": list(plan.commands),
        "refused": refused,
        "head_moved": story.live() != before,
    }


def tell_refusal(story: Story, result: Result) -> None:
    """Who is behind whom, and that nothing was released."""
    rows = [[node, result["needs"].get(node, ""), "; ".join(why)] for node, why in result["behind"].items()]
    story.teller.table(("behind", "needs", "because"), rows)
    if result["refused"] is None:
        story.teller.say("The release was NOT refused: this should not happen.")
        return
    stays = "was moved all the same: this should not happen" if result["head_moved"] else "stays where it was"
    story.teller.say(
        f"With {result['staged']} staged, {len(result['behind'])} others were fitted to a model that is not there any "
        "more: a threshold cuts the scores of exactly one version, and a model on a model learned from its scores. The "
        f"release is refused (exit status {result['refused']['status']}) and the head {stays}. The plan says what to "
        "do:"
    )
    story.teller.lines(result["commands"])
