"""Bring what is behind in step, and release the new set."""

from __future__ import annotations

import time

from soroi.base.errors import BuildError
from soroi.demo.begin import check, progress
from soroi.demo.story import SECOND, Result, Story


def follow(story: Story) -> Result:
    """Build what is behind, stage it, release; the server follows."""
    story.teller.command(f"soroi build --behind --as-of {SECOND:%Y-%m-%d}")
    began = time.monotonic()
    built = story.project.build(behind=True, as_of=SECOND, progress=progress(story.teller))
    check(built)
    behind = list(story.results["refusal"]["behind"])
    versions = [built.versions[node].id for node in behind if node in built.versions]
    story.teller.command(f"soroi stage {' '.join(behind)}")
    staged = story.project.stage(*versions, note="demo: in step with the new model")
    if staged.manifest is None:
        reasons = "; ".join(reason.text for reason in staged.report.reasons)
        raise BuildError(f"what was behind was built, and the set is still out of step: {reasons}")
    seconds = round(time.monotonic() - began, 1)
    story.teller.command("soroi release")
    moved = story.project.release(reason="demo: second release")
    followed = round(story.client.follow(staged.manifest.id), 2) if story.is_serving else None
    picks = dict(staged.manifest.picks)
    first = story.results["release"]["picks"]
    return {
        "manifest": staged.manifest.id,
        "picks": picks,
        "built": behind,
        "seconds": seconds,
        "revision": moved.head.revision,
        "changed": sorted(node for node in picks if picks[node] != first.get(node)),
        "followed": followed,
    }


def tell_follow(story: Story, result: Result) -> None:
    """What is live now."""
    kept = len(result["picks"]) - len(result["changed"])
    served = ""
    if result["followed"] is not None:
        served = f" The running server followed within {max(result['followed'], 0.01):.2f} s, without a restart."
    story.teller.say(
        f"{', '.join(result['built'])} were built again against the new model in {result['seconds']:.0f} s. The set is "
        f"in step and sealed as {result['manifest']}: {len(result['changed'])} versions are new, {kept} stayed as they "
        f"were.{served}"
    )
