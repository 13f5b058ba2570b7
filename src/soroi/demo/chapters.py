"""The chapters of the story, in order, with its beginning and its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soroi.demo import account, begin, follow, march, retrain, versus
from soroi.demo.story import Chapter
from soroi.demo.teller import Teller

CHAPTERS = (
    Chapter("build", "Build: two decisions from what was known on 1 March 2013", begin.build, begin.tell_build),
    Chapter(
        "release", "Stage and release: one set, or nothing", begin.release, begin.tell_release, rests_on=("build",)
    ),
    Chapter(
        "march",
        "Serve: March, over HTTP, in the order in which it happened",
        march.replay_march,
        march.tell_march,
        rests_on=("release",),
        replays=True,
    ),
    Chapter(
        "quality",
        "What became of the quality",
        march.quality,
        march.tell_quality,
        rests_on=("march",),
    ),
    Chapter(
        "train",
        "Train: as often as one likes, and nothing else moves",
        retrain.train,
        retrain.tell_train,
        rests_on=("release",),
    ),
    Chapter(
        "refusal",
        "Stage the best: the set is out of step, and the release is refused",
        retrain.refusal,
        retrain.tell_refusal,
        rests_on=("train",),
    ),
    Chapter(
        "follow",
        "Bring the others in step, and release",
        follow.follow,
        follow.tell_follow,
        rests_on=("refusal",),
    ),
    Chapter(
        "versus",
        "Compare: the second half of March under both releases",
        versus.versus,
        versus.tell_versus,
        rests_on=("march", "follow"),
    ),
    Chapter("trace", "Account for one answer", account.trace_one, account.tell_trace, rests_on=("versus",)),
    Chapter("rollback", "Roll back, and forward again", account.rollback, account.tell_rollback, rests_on=("follow",)),
)
"""The chapters, in order."""


def introduce(teller: Teller, folder: Path, *, made: bool) -> None:
    """The beginning.

    Args:
        teller: Tells it.
        folder: Folder of the project.
        made: Whether it was made just now.
    """
    teller.say(
        "Flights out of New York in 2013, with the weather as it was. Before each departure two things are decided: "
        "is the passenger warned that the flight will be late, and is the connecting flight asked to wait? Every "
        "figure below is measured while you watch."
    )
    if made:
        teller.command(f"soroi init {folder} --template flights")
    else:
        teller.say(f"The project in {folder} is there already; what did not change is not done again.")


def close(teller: Teller, folder: Path, seconds: float, done: Sequence[str]) -> None:
    """The end.

    Args:
        teller: Tells it.
        folder: Folder of the project.
        seconds: How long it took.
        done: The chapters that were done now.
    """
    teller.end(f"That was the whole loop, in {seconds:.0f} s; {len(done)} of {len(CHAPTERS)} steps were done now.")
    teller.say("The project is yours to go on with:")
    teller.lines(
        [
            f"cd {folder}",
            "soroi status                 # what is fresh, staged, live",
            "soroi serve                  # answers at http://127.0.0.1:8000",
            "soroi plan                   # what a release would do",
            "soroi build careful --set careful.max_iter=120",
            "soroi doctor                 # checks every artefact that is live",
            "$EDITOR flights.py           # then: soroi status",
        ]
    )
