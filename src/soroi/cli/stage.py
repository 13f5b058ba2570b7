"""``soroi stage``: gather versions for the next release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from soroi.base.errors import ConfigError
from soroi.cli.best import Choice, best_of
from soroi.cli.common import Common, opened
from soroi.cli.output import show, styled, table
from soroi.cli.reasons import reason_tree

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.project import Project
    from soroi.release import StageOutcome


def stage(
    *wanted: str,
    everything: Annotated[bool, Parameter(name="--all", negative=())] = False,
    behind: Annotated[bool, Parameter(negative=())] = False,
    remove: Annotated[list[str] | None, Parameter(negative=())] = None,
    best: str | None = None,
    note: str = "",
    common: Common | None = None,
) -> int:
    """Gather versions for the next release; seals the set when it is in step.

    Args:
        wanted: Versions (careful@3f9a1c2b7d10), or nodes: their newest version as declared.
        everything: Stage every node that answers.
        behind: Stage what is out of step, as it was built since.
        remove: Take this node out. May be given several times.
        best: Of each node named, the candidate with the best figure of this name, such as roc_auc.
        note: Why, in your words.
    """
    common = common or Common()
    if not (wanted or everything or remove or behind):
        raise ConfigError(
            "nothing to stage was named", hint="name versions or nodes, or soroi stage --all", fields=["wanted"]
        )
    with opened(common) as project:
        choices = choose_best(project, wanted, best) if best is not None else {}
        named = [choices[one].best.id if one in choices else one for one in wanted]
        done = project.stage(*named, everything=everything, behind=behind, remove=tuple(remove or ()), note=note)
    data: dict[str, Any] = {**done.to_dict(), "chosen": {node: choice_dict(one) for node, one in choices.items()}}
    show(common, data, *[_told(one) for one in choices.values()], *stage_lines(done))
    return 0


def choose_best(project: Project, nodes: Sequence[str], metric: str) -> dict[str, Choice]:
    """The best candidate of each node by a figure; see :func:`soroi.cli.best.best_of`.

    Args:
        project: The project.
        nodes: Ids of nodes.
        metric: Name of the figure.

    Raises:
        ConfigError: A version is named, or no node.
        UnknownNameError: A node or the figure is not there.
        RefusedError: There is nothing to choose by.
    """
    if not nodes:
        raise ConfigError("--best needs the nodes to choose for", hint=f"soroi stage careful --best {metric}")
    for one in nodes:
        if "@" in one:
            raise ConfigError(
                f"--best chooses a version, and {one} names one", hint="name the node, or leave out --best"
            )
    return {node: best_of(list(project.versions(node)), metric) for node in nodes}


def choice_dict(choice: Choice) -> dict[str, Any]:
    """A choice as plain data."""
    return {
        "version": choice.best.id,
        "figure": choice.figure,
        "among": choice.among,
        "left_out": choice.left_out,
    }


def _told(choice: Choice) -> str:
    figure = choice.figure
    value = f"{figure['name']} {figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
    left = f"; {choice.left_out} judged on other rows were left out" if choice.left_out else ""
    flatters = ", so its figure flatters it a little" if choice.among > 1 else ""
    return f"{choice.best.id} is the best of {choice.among} by {value}{flatters}{left}."


def stage_lines(done: StageOutcome) -> list[RenderableType]:
    """What came of staging, for people."""
    lines: list[RenderableType] = []
    if done.changed:
        rows: list[list[Any]] = [[node, old or "–", "→", new or "–"] for node, (old, new) in done.changed.items()]
        lines += [table(("node", "was", "", "is"), rows), ""]
    else:
        lines.append("Staging is as it was.")
    if done.manifest is not None:
        sealed = f"In step: sealed as {done.manifest.id}, {len(done.manifest.picks)} versions."
        return [*lines, styled(sealed, "bold green"), "Next: soroi release"]
    report = done.report
    if report.missing and not report.behind:
        lines.append(reason_tree("Not complete yet", report.missing))
    else:
        lines.append(reason_tree("Out of step", report.reasons))
    return [*lines, "Next: soroi plan"]
