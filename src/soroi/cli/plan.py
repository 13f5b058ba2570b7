"""``soroi plan``: what a release would do, and why it may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from soroi.base.duration import brief
from soroi.base.memory import collecting_later
from soroi.base.reason import Reason
from soroi.cli.common import Common, opened
from soroi.cli.gates import gate_lines
from soroi.cli.output import remark, show, styled, table
from soroi.cli.reasons import brief_reasons, reason_tree
from soroi.cli.status import LONG, MANY

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.project import Project
    from soroi.release import PlanNode, ReleasePlan, WhatIf
    from soroi.release.crossing import Crossing
    from soroi.release.what_if import Affected

Entry = TypeVar("Entry")
MOST_NAMES = 20
"""More names than this are counted in a sentence, and not listed."""


def plan(
    environment: str = "production",
    *,
    explain: str | None = None,
    what_if: str | None = None,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    common: Common | None = None,
) -> int:
    """What a release would do, what stands in its way, and what to do next. Changes nothing.

    Args:
        environment: The head that would be moved.
        explain: Tell the whole tree of reasons of this node.
        what_if: Tell what a change of this node would reach, before it is made.
        every: List all nodes, however many there are.
    """
    common = common or Common()
    with opened(common) as project, collecting_later():
        if what_if is not None:
            found = project.what_if(what_if)
            show(common, found.to_dict, *_reach_lines(found, every))
        elif explain is not None:
            _explain(common, project, project.plan(environment), explain)
        else:
            made = project.plan(environment)
            show(common, made.to_dict, *plan_lines(made, every))
        remark(project.declarations.note)
    return 0


def plan_lines(made: ReleasePlan, every: bool = False) -> list[RenderableType]:
    """A plan for people.

    Args:
        made: The plan.
        every: List all nodes, however many there are.
    """
    work = [one for one in made.nodes if one.action.is_work]
    lines: list[RenderableType] = [_verdict(made), ""]
    if work:
        lines += [
            *_first(("node", "needs", "reaches", "took", "because"), _entries(work), _entry, every),
            *_cost(made),
            "",
        ]
    if made.changes:
        title = f"A release would change {len(made.changes)} of what {made.environment} answers with:"
        moves = list(made.changes.items())
        lines += [title, *_first(("node", "live", "", "staged"), moves, _move, every), ""]
    if made.crossing:
        head = ("from another project", "uses", "they have now", "", "ask")
        lines += [*_first(head, made.crossing, _crossing, every), ""]
    if made.held_up is not None:
        lines += [*(styled(line, "yellow") for line in made.held_up.lines()), ""]
    lines += [*_gates(made), ""] if made.standing is not None else []
    if made.broke_glass is not None:
        lines += [*(styled(line, "bold red") for line in made.broke_glass.lines()), ""]
    lines += ["Next:", *(f"  {command}" for command in made.commands)] if made.commands else ["Nothing to do."]
    return lines


def _gates(made: ReleasePlan) -> list[RenderableType]:
    """The gates of the sealed set, and what an approval would name."""
    assert made.standing is not None
    case = made.standing.case
    title = f"Gates of {case.manifest.id} for {made.environment} (plan {case.digest[:12]}):"
    return [title, *gate_lines(made.standing)]


def _named(names: Sequence[str]) -> str:
    """Names one after the other; of very many only the first."""
    rest = len(names) - MOST_NAMES
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:MOST_NAMES])} and {rest:,} more"


def _first(
    head: Sequence[str], entries: Sequence[Entry], row: Callable[[Entry], list[Any]], every: bool
) -> list[RenderableType]:
    """A table; of a very long one only the beginning."""
    if every or len(entries) <= LONG:
        return [table(head, [row(one) for one in entries])]
    shown = [row(one) for one in entries[: LONG // 4]]
    return [table(head, shown), f"… and {len(entries) - len(shown):,} more: soroi plan --all"]


def _move(change: tuple[str, tuple[str | None, str | None]]) -> list[Any]:
    node, (old, new) = change
    return [node, old or "–", "→", new or "–"]


def _crossing(one: Crossing) -> list[Any]:
    how = one.problem or ("pinned" if one.pinned else "follows production")
    now = _same(one) if one.now is not None else "–"
    used = one.used.partition("@")[2] if one.used else "nothing yet"
    return [one.node, used, now, styled(how, "magenta") if one.problem else how, one.owner or ""]


def _same(one: Crossing) -> str:
    return str(one.now).partition("@")[2] if one.differs else "the same"


def _cost(made: ReleasePlan) -> list[RenderableType]:
    costly = [one for one in made.nodes if one.action.is_costly]
    live = {
        f"{name} in {where}": None for one in made.nodes for where, names in one.live_uses.items() for name in names
    }
    lines: list[RenderableType] = []
    if costly:
        known = (
            f"about {brief(made.seconds)}, as they took last" if len(made.unmeasured) < len(costly) else "time unknown"
        )
        new = f"; {len(made.unmeasured)} of them never built" if made.unmeasured else ""
        lines.append(f"Builds: {len(costly)}, {known}{new}.")
    if live:
        lines.append(f"Live, and reached by this: {_named(list(live))}.")
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
        return styled(f"Staging lacks {len(lacking)}: {_named(lacking)}.", "bold yellow")
    return styled(f"Staging is out of step: {_named(lacking)}.", "bold yellow")


def _entries(work: Sequence[PlanNode]) -> list[list[PlanNode]]:
    """The lines of a table of nodes: one each; siblings of a large family that need the same share one."""
    alike: dict[tuple[str, str], list[PlanNode]] = {}
    for one in work:
        alike.setdefault((one.node.partition("[")[0], one.action.value), []).append(one)
    return [
        entry for nodes in alike.values() for entry in ([[one] for one in nodes] if len(nodes) <= MANY else [nodes])
    ]


def _entry(nodes: list[PlanNode]) -> list[Any]:
    first = _row(nodes[0])
    if len(nodes) == 1:
        return first
    name = nodes[0].node.partition("[")[0]
    return [f"{name}[…] ({len(nodes):,})", *first[1:3], "", f"{nodes[0].node}: {first[4]}"]


def _row(one: PlanNode) -> list[Any]:
    took = brief(one.seconds) if one.seconds is not None else ""
    return [one.node, styled(one.action.value, "yellow"), ", ".join(one.reaches), took, brief_reasons(one.because)]


def _reach_lines(found: WhatIf, every: bool) -> list[RenderableType]:
    """The blast radius for people."""
    work = [one for one in found.affected if one.work.is_work]
    decisions = f"the decisions {', '.join(found.decisions)}" if found.decisions else "no decision"
    return [
        styled(f"A change of {found.node} would reach {len(found.affected) - 1} nodes and {decisions}.", "bold"),
        "",
        *_first(("node", "kind", "would need", "", "owner", "took"), found.affected, _reached, every),
        "",
        f"At most {len(work)} nodes would be built, in about {brief(found.seconds)} one after the other; "
        "an equal output stops the chain earlier.",
        *([f"It concerns {', '.join(found.owners)}."] if found.owners else []),
    ]


def _reached(one: Affected) -> list[Any]:
    live = "live" if one.live else ""
    return [one.node, one.kind.value, one.work.value, live, one.owner or "", _took(one.seconds)]


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
    live = "; ".join(f"{', '.join(names)} in {where}" for where, names in one.live_uses.items())
    reached += f" Live: {live}." if live else ""
    owner = f" Ask {', '.join(one.owners)}." if one.owners else ""
    show(common, data, reason_tree(title, because), "", f"{reached}{owner}")
