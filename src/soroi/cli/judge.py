"""``soroi judge``: run the gates of the staged set without releasing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.gates import gate_lines
from soroi.cli.output import show, styled

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.release.verdicts import Standing
    from soroi.store import VerdictRecord


def judge(
    environment: str = "production",
    *,
    gate: Annotated[list[str] | None, Parameter(negative=())] = None,
    again: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Run the gates of the staged set without releasing it: those without a verdict that holds.

    Args:
        environment: Where the set would go.
        gate: Only this gate, also when it has a verdict; with or without its decision (latency:check). May be given
            several times.
        again: Judge also what has a verdict that holds.
    """
    common = common or Common()
    with opened(common) as project:
        made, standing = project.judge(*(gate or ()), environment=environment, again=again)
    show(common, _data(made, standing), *judge_lines(made, standing))
    return 0 if not any(one.outcome in ("fail", "error") for one in made) else 3


def _data(made: list[VerdictRecord], standing: Standing) -> dict[str, Any]:
    return {
        "environment": standing.case.environment,
        "manifest": standing.case.manifest.id,
        "plan": standing.case.digest,
        "judged": {one.gate: one.outcome for one in made},
        "holds": standing.holds,
        "gates": [one.to_dict() for one in standing.states],
    }


def judge_lines(made: list[VerdictRecord], standing: Standing) -> list[RenderableType]:
    """What came of judging, for people.

    Args:
        made: The new verdicts.
        standing: How the set stands.
    """
    count = len(made)
    told = f"{count} gate{'s' if count != 1 else ''} judged" if made else "Every gate has a verdict that holds"
    lines: list[RenderableType] = [f"{told}: {standing.case.manifest.id}.", "", *gate_lines(standing), ""]
    if standing.holds:
        return [*lines, styled(f"All that {standing.case.environment} asks for holds.", "bold green")]
    return [*lines, styled("Not all that is asked for holds.", "bold yellow")]
