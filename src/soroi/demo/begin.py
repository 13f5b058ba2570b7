"""The first chapters: build what is declared, stage it, release it."""

from __future__ import annotations

import time
from typing import Any

from soroi.base.errors import BuildError
from soroi.build.result import RunResult
from soroi.demo.story import FIRST, Result, Story
from soroi.demo.teller import Teller
from soroi.demo.words import figure, share

MODELS = ("quick", "careful", "connection")
"""The models, in the order in which they are told."""

CUTS = ("quick_cut", "careful_cut", "connection_cut")
"""Their thresholds."""


def build(story: Story) -> Result:
    """Build everything, as of the first of March."""
    story.teller.command(f"soroi build --as-of {FIRST:%Y-%m-%d}")
    began = time.monotonic()
    done = story.project.build(as_of=FIRST, progress=progress(story.teller))
    check(done)
    records = done.versions
    return {
        "run": done.id,
        "seconds": round(time.monotonic() - began, 1),
        "built": sum(one.status == "built" for one in done.nodes.values()),
        "versions": {name: record.id for name, record in records.items()},
        "answering": [record.id for record in records.values() if record.kind not in ("source", "dataset")],
        "rows": {name: records[name].facts["rows"] for name in ("flights", "arrivals", "weather")},
        "models": {name: figures_of(records[name].facts) for name in MODELS},
        "cuts": {name: {**figures_of(records[name].facts), "at": records[name].facts["value"]} for name in CUTS},
        "objectives": {name: records[name].facts["objective"] for name in CUTS},
    }


def progress(teller: Teller) -> Any:
    """Tells of models while they are built."""

    def told(node: str, status: str, _note: str) -> None:
        if status == "running" and node in MODELS:
            teller.progress(f"fitting {node}")

    return told


def check(done: RunResult) -> None:
    """Stop the story when a build failed.

    Raises:
        BuildError: Names the first node that failed, and why.
    """
    for record in done.failed:
        body = record.error or {}
        raise BuildError(
            f"'{record.node}' failed: {body.get('message')}", hint=body.get("hint"), where=body.get("where")
        )


def figures_of(facts: Any) -> dict[str, Any]:
    """The figures of a version by name."""
    return {one["name"]: one for one in facts["figures"]}


def tell_build(story: Story, result: Result) -> None:
    """What was built, and how good it is on days that were kept back."""
    rows = result["rows"]
    story.teller.say(
        f"From {rows['flights']:,} flights, {rows['arrivals']:,} arrivals and {rows['weather']:,} hours of weather, "
        f"as they were known then, {len(result['versions'])} versions were made in {result['seconds']:.0f} s. They are "
        "candidates: nothing is live, and nothing is overwritten, ever. The last days were kept back from training "
        "and from the thresholds, to measure:"
    )
    table = [
        [
            model,
            figure(result["models"][model]["roc_auc"]),
            f"{result['cuts'][cut]['at']:.3f}" if result["cuts"][cut]["at"] is not None else "never",
            share(result["cuts"][cut]["precision"]),
            share(result["cuts"][cut]["recall"]),
        ]
        for model, cut in zip(MODELS, CUTS, strict=True)
    ]
    story.teller.table(("model", "area under ROC", "cut at", "precision", "recall"), table)


def release(story: Story) -> Result:
    """Stage what was built, and release it."""
    story.teller.command("soroi stage --all")
    staged = story.project.stage(*story.results["build"]["answering"], note="demo: first release")
    if staged.manifest is None:
        reasons = "; ".join(reason.text for reason in staged.report.reasons)
        raise BuildError(f"what was just built is not in step: {reasons}")
    story.teller.command("soroi release")
    began = time.monotonic()
    done = story.project.release(reason="demo: first release")
    return {
        "manifest": staged.manifest.id,
        "picks": dict(staged.manifest.picks),
        "seconds": round(time.monotonic() - began, 1),
        "revision": done.head.revision,
        "verdicts": {one.gate: one.outcome for one in done.verdicts},
    }


def tell_release(story: Story, result: Result) -> None:
    """What was released."""
    gates = ", ".join(f"'{gate}' {outcome}" for gate, outcome in result["verdicts"].items()) or "judged before"
    story.teller.say(
        f"The {len(result['picks'])} staged versions fit each other: each was built against exactly those it stands "
        f"with. So they were sealed as manifest {result['manifest']}, and the release moved one pointer to it (gates: "
        f"{gates}). Models, thresholds and decisions go live together, so none can meet a partner it was not made for."
    )
