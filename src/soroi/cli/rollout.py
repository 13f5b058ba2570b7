"""``soroi rollout``: a head on its way, step by step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import console

if TYPE_CHECKING:
    from soroi.release.rollout_watch import RolloutReport

rollout = App(
    name="rollout", help="Let a challenger answer for a share of requests, step by step, ended when it is worse."
)
"""The commands on rollouts."""

Environment = Annotated[str, Parameter(name=["--env", "--environment"])]


@rollout.command
def start(
    manifest: str | None = None,
    *,
    key: str,
    mode: Literal["canary", "split", "shadow"] = "canary",
    step: Annotated[list[str] | None, Parameter(negative=())] = None,
    guard: Annotated[list[str] | None, Parameter(negative=())] = None,
    auto: Annotated[bool, Parameter(negative=())] = False,
    error: float = 0.05,
    environment: Environment = "production",
    reason: str = "",
    common: Common | None = None,
) -> int:
    """Begin a rollout. The head stays where it is until the last step.

    Args:
        manifest: The challenger, by the beginning of its id; default: what is staged.
        key: Column that an arm sticks to; "answer id" when every request is drawn by itself.
        mode: canary: a growing share; split: a share that stays; shadow: answers that are never returned.
        step: A step, as 5%:1h:1000 (share, least time, least answers). May be given several times.
        guard: What ends it, as errors:1.2, latency:40ms, actions:1.3, disagreement:0.05. May be given several times.
        auto: Take steps by itself when they are due; without it, soroi rollout advance does.
        error: With what probability guards ever end it though the challenger is as good.
        environment: The head that is on its way.
        reason: Why, in your words.
    """
    common = common or Common()
    advance = "auto" if auto else "by hand"
    with opened(common) as project:
        made = project.rollout(
            manifest,
            key=key,
            mode=mode,
            steps=step or (),
            guards=guard,
            advance=advance,
            environment=environment,
            error=error,
            reason=reason,
        )
        show_displayed(common, made.report(), "bold green")
    return 0


@rollout.command
def status(rollout: str | None = None, *, environment: Environment = "production", common: Common | None = None) -> int:
    """How a rollout stands, and what its answers say.

    Args:
        rollout: The rollout, by the beginning of its id; default: the open one of the environment, else the last.
        environment: The head that is on its way.
    """
    return _do("look", rollout, environment, common)


@rollout.command
def advance(
    rollout: str | None = None, *, environment: Environment = "production", common: Common | None = None
) -> int:
    """Take the next step now; behind the last one the challenger becomes the head, through the gates of a release.

    Args:
        rollout: The rollout; default: the open one of the environment.
        environment: The head that is on its way.
    """
    return _do("advance", rollout, environment, common)


@rollout.command
def pause(
    rollout: str | None = None,
    *,
    environment: Environment = "production",
    reason: str = "",
    common: Common | None = None,
) -> int:
    """Stay at the present share until it is resumed. Guards go on watching.

    Args:
        rollout: The rollout; default: the open one of the environment.
        environment: The head that is on its way.
        reason: Why, in your words.
    """
    return _do("pause", rollout, environment, common, reason)


@rollout.command
def resume(rollout: str | None = None, *, environment: Environment = "production", common: Common | None = None) -> int:
    """Go on after a pause.

    Args:
        rollout: The rollout; default: the open one of the environment.
        environment: The head that is on its way.
    """
    return _do("resume", rollout, environment, common)


@rollout.command
def abort(
    rollout: str | None = None,
    *,
    environment: Environment = "production",
    reason: str = "",
    common: Common | None = None,
) -> int:
    """End it: the base answers everything again, from the next request on.

    Args:
        rollout: The rollout; default: the open one of the environment.
        environment: The head that is on its way.
        reason: Why, in your words.
    """
    return _do("abort", rollout, environment, common, reason)


@rollout.command(name="list")
def list_rollouts(environment: str | None = None, *, common: Common | None = None) -> int:
    """All rollouts, newest first.

    Args:
        environment: Only those of this environment.
    """
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.rollouts(environment))
    return 0


@rollout.command
def watch(rollout: str | None = None, *, environment: Environment = "production", common: Common | None = None) -> int:
    """Look after a rollout until it ends. Servers do so by themselves; several watchers do no harm.

    Args:
        rollout: The rollout; default: the open one of the environment.
        environment: The head that is on its way.
    """
    common = common or Common()
    from soroi.project.rolling import find

    last = ""

    def told(report: RolloutReport) -> None:
        nonlocal last
        shown = report.display()
        if shown.title != last:
            console(sys.stderr).print(shown.title)
            last = shown.title

    with opened(common) as project:
        report = find(project, environment, rollout).watch(told)
        show_displayed(common, report)
    return 3 if report.record.status == "aborted" else 0


def _do(what: str, rollout: str | None, environment: str, common: Common | None, reason: str = "") -> int:
    common = common or Common()
    from soroi.project.rolling import find

    with opened(common) as project:
        found = find(project, environment, rollout)
        if what == "advance":
            found.advance()
        elif what == "resume":
            found.resume()
        elif what == "pause":
            found.pause(reason)
        elif what == "abort":
            found.abort(reason)
        show_displayed(common, found.report())
    return 0
