"""``soroi plan``: what a release would do, and why it may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soroi.base.duration import brief
from soroi.base.reason import Reason
from soroi.cli.common import Common, opened
from soroi.cli.output import show, styled, table
from soroi.cli.reasons import brief_reasons, reason_tree
from soroi.cli.status import MANY

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.project import Project
    from soroi.release import PlanNode, ReleasePlan, WhatIf


def plan(
    environment: str = "production",
    *,
    explain: str | None = None,
    what_if: str | None = None,
    common: Common | None = None,
) -> int:
    """What a release would do, what stands in its way, and what to do next. Changes nothing.

    Args:
        environment: The head that would be moved.
        explain: Tell the whole tree of reasons of this node.
        what_if: Tell what a change of this node would reach, before it is made.
    """
    common = common or Common()
    with opened(common) as project:
        if what_if is not None:
            found = project.what_if(what_if)
            show(common, found.to_dict(), *_reach_lines(found))
        elif explain is not None:
            _explain(common, project, project.plan(environment), explain)
        else:
            made = project.plan(environment)
            show(common, made.to_dict(), *plan_lines(made))
    return 0


def plan_lines(made: ReleasePlan) -> list[RenderableType]:
    """A plan for people."""
    work = [one for one in made.nodes if one.action.is_work]
    lines: list[RenderableType] = [_verdict(made), ""]
    if work:
        lines += [table(("node", "needs", "reaches", "took", "because"), _rows(work)), ""]
    if made.changes:
        title = f"A release would change {len(made.changes)} of what {made.environment} answers with:"
        rows: list[list[Any]] = [[node, old or "–", "→", new or "–"] for node, (old, new) in made.changes.items()]
        lines += [title, table(("node", "live", "", "staged"), rows), ""]
    lines += ["Next:", *(f"  {command}" for command in made.commands)] if made.commands else ["Nothing to do."]
    return lines


def _verdict(made: ReleasePlan) -> RenderableType:
    if made.releasable:
        return styled(f"Staging is in step: {made.manifest} can be released to {made.environment}.", "bold green")
    if made.manifest is not None:
        return styled(f"Staging is in step, and live in {made.environment} ({made.live}).", "bold green")
    lacking = [*(reason.subject or "" for reason in made.report.missing), *made.behind]
    if not lacking:
        return styled("Staging is in step with itself, and not sealed: the declarations changed since.", "yellow")
    if not made.behind:
        return styled(f"Staging lacks {len(lacking)}: {', '.join(lacking)}.", "bold yellow")
    return styled(f"Staging is out of step: {', '.join(lacking)}.", "bold yellow")


def _rows(work: Sequence[PlanNode]) -> list[list[Any]]:
    """One row for each node; siblings of a large family that need the same are told in one."""
    alike: dict[tuple[str, str], list[PlanNode]] = {}
    for one in work:
        alike.setdefault((one.node.partition("[")[0], one.action.value), []).append(one)
    rows: list[list[Any]] = []
    for (name, _), nodes in alike.items():
        if len(nodes) <= MANY:
            rows += [_row(one) for one in nodes]
        else:
            first = _row(nodes[0])
            rows.append([f"{name}[…] ({len(nodes):,})", *first[1:3], "", f"{nodes[0].node}: {first[4]}"])
    return rows


def _row(one: PlanNode) -> list[Any]:
    took = brief(one.seconds) if one.seconds is not None else ""
    return [one.node, styled(one.action.value, "yellow"), ", ".join(one.reaches), took, brief_reasons(one.because)]


def _reach_lines(found: WhatIf) -> list[RenderableType]:
    """The blast radius for people."""
    work = [one for one in found.affected if one.work.is_work]
    rows = [
        [one.node, one.kind.value, one.work.value, "live" if one.live else "", one.owner or "", _took(one.seconds)]
        for one in found.affected
    ]
    decisions = f"the decisions {', '.join(found.decisions)}" if found.decisions else "no decision"
    return [
        styled(f"A change of {found.node} would reach {len(found.affected) - 1} nodes and {decisions}.", "bold"),
        "",
        table(("node", "kind", "would need", "", "owner", "took"), rows),
        "",
        f"At most {len(work)} nodes would be built, in about {brief(found.seconds)} one after the other; "
        "an equal output stops the chain earlier.",
        *([f"It concerns {', '.join(found.owners)}."] if found.owners else []),
    ]


def _took(seconds: float | None) -> str:
    return brief(seconds) if seconds is not None else ""


def _explain(common: Common, project: Project, made: ReleasePlan, name: str) -> None:
    project.graph[name]
    one = next(node for node in made.nodes if node.node == name)
    behind = made.report.behind.get(name, ())
    known = {reason.text for reason in one.because}
    because: list[Reason] = [*one.because, *(reason for reason in behind if reason.text not in known)]
    data = {**one.to_dict(), "behind": [reason.to_dict() for reason in behind]}
    title = f"{name} ({one.kind.value}) needs: {one.action.value}"
    if not because:
        show(common, data, f"{title}. It is as declared, and in step.")
        return
    reached = f"It reaches {', '.join(one.reaches)}." if one.reaches else "It reaches no decision."
    owner = f" Ask {one.owner}." if one.owner else ""
    show(common, data, reason_tree(title, because), "", f"{reached}{owner}")
