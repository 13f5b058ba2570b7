"""``soroi status``: how every node stands, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from soroi.base.errors import ConfigError, UnknownNameError
from soroi.base.memory import collecting_later
from soroi.cli.common import Common, opened
from soroi.cli.output import remark, show, styled, table
from soroi.cli.reasons import brief_reasons, reason_tree

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.build.status import NodeStatus
    from soroi.project import Project
    from soroi.store import RunNodeRecord, VersionRecord

MANY = 8
"""A family of more siblings is told in one line."""

LONG = 200
"""Of a graph with more lines than this, fresh nodes are counted and not listed."""

STYLES = {"fresh": "green", "stale": "yellow", "missing": "dim", "unknown": "magenta"}
"""The style of each state."""


def status(
    node: str | None = None,
    *,
    log: Annotated[bool, Parameter(negative=())] = False,
    versions: Annotated[bool, Parameter(negative=())] = False,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    common: Common | None = None,
) -> int:
    """What is fresh, what is stale and why, what is staged and live.

    Args:
        node: Only this node, with the whole tree of reasons; or this family, sibling by sibling.
        log: Show what the last build of the node wrote.
        versions: List the versions of the node.
        every: List fresh nodes too, however many there are.
    """
    common = common or Common()
    if (log or versions) and node is None:
        raise ConfigError("--log and --versions are about one node", hint="soroi status NODE --log")
    with opened(common) as project, collecting_later():
        family = project.graph.families.get(node) if node is not None else None
        if node is None or (family is not None and not (log or versions)):
            found = project.statuses()
            if family is not None:
                found = {name: found[name] for name in family.members}
            show(common, lambda: {"nodes": [one.to_dict() for one in found.values()]}, *_whole(project, found, every))
        elif log:
            _show_log(common, project, node)
        elif versions:
            _show_versions(common, project, node)
        else:
            _show_node(common, project, node)
        remark(project.declarations.note)
    return 0


def _whole(project: Project, found: dict[str, NodeStatus], every: bool) -> list[RenderableType]:
    large = {
        name: family.name
        for family in project.graph.families.values()
        if MANY < len(family.members) < len(found)
        for name in family.members
    }
    rows: list[list[Any]] = []
    told: set[str] = set()
    left_out = 0
    shortened = not every and len(found) - len(large) > LONG
    for name, one in found.items():
        if shortened and name not in large and one.state.value == "fresh" and not one.notes:
            left_out += 1
            continue
        family = large.get(name)
        if family is None:
            rows.append(_row(one))
        elif family not in told:
            told.add(family)
            rows.append(_family_row(family, [found[other] for other, its in large.items() if its == family]))
    head = ("node", "kind", "state", "staged", "live", "versions", "why")
    lines: list[RenderableType] = [table(head, rows), ""] if rows else []
    if left_out:
        lines += [f"{left_out:,} fresh nodes are not listed: soroi status --all", ""]
    return [*lines, _next(project, found)]


def _row(one: NodeStatus) -> list[Any]:
    return [
        one.node,
        one.kind.value,
        styled(one.state.value, STYLES.get(one.state.value, "")),
        _brief(one.staged),
        _brief(one.live),
        str(one.candidates),
        brief_reasons(one.reasons) or "; ".join(one.notes),
    ]


def _family_row(name: str, siblings: list[NodeStatus]) -> list[Any]:
    """A large family in one line: how many of its siblings stand how, and the first that is not fresh."""
    states = Counter(one.state.value for one in siblings)
    worst = max(states, key=lambda state: (state != "fresh", states[state]))
    late = next((one for one in siblings if one.state.value != "fresh"), None)
    return [
        f"{name}[…]",
        siblings[0].kind.value,
        styled(", ".join(f"{count:,} {state}" for state, count in states.most_common()), STYLES.get(worst, "")),
        f"{sum(one.staged is not None for one in siblings):,}",
        f"{sum(one.live is not None for one in siblings):,}",
        f"{sum(one.candidates for one in siblings):,}",
        f"{late.node}: {brief_reasons(late.reasons)}" if late is not None else f"soroi status {name} shows each",
    ]


def _next(project: Project, found: dict[str, NodeStatus]) -> str:
    if all(one.state.value == "missing" for one in found.values()):
        return "Nothing was built yet. Next: soroi build"
    with project.store.catalogue.read() as tx:
        heads = tx.heads.all()
    live = [f"{head.environment} answers with {head.manifest}" for head in heads if head.environment != "staging"]
    return f"{'; '.join(live) or 'Nothing is live'}. Next: soroi plan"


def _show_node(common: Common, project: Project, name: str) -> None:
    project.graph[name]
    one = project.statuses()[name]
    declared = project.graph[name]
    because = [*one.reasons]
    lines: list[RenderableType] = [reason_tree(f"{one.node} ({one.kind.value}) is {one.state.value}", because)]
    rows: list[list[Any]] = [
        ["declared", declared.where],
        ["judged", one.version or "–"],
        ["staged", one.staged or "–"],
        ["live", one.live or "–"],
        ["versions", str(one.candidates)],
    ]
    if one.ready:
        rows.append(["ready", f"{one.ready} was built as declared now: soroi stage {one.node}"])
    rows += [["note", note] for note in one.notes]
    show(common, one.to_dict(), *lines, "", table(("", ""), rows))


def _show_versions(common: Common, project: Project, name: str) -> None:
    records = list(project.versions(name))
    rows: list[list[Any]] = [
        [one.id, f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, chosen(one), figures_line(one)] for one in records
    ]
    data = {"node": name, "versions": [version_dict(one) for one in records]}
    if not records:
        show(common, data, f"{name} was never built: soroi build {name}")
        return
    show(common, data, table(("version", "built", "by", "by choice", "figures"), rows))


def version_dict(record: VersionRecord) -> dict[str, Any]:
    """A version as plain data: what it is, what it rests on, its figures."""
    return {
        "id": record.id,
        "node": record.node,
        "kind": record.kind,
        "at": record.at.isoformat(),
        "by": record.by,
        "overrides": dict(record.overrides),
        "watermark": record.watermark.isoformat() if record.watermark else None,
        "edges": [{"role": edge.role, "node": edge.name, "version": edge.producer} for edge in record.edges],
        "figures": list(record.facts.get("figures", ())),
    }


def chosen(record: VersionRecord) -> str:
    """The hyper-parameters that were given for a build, as one line."""
    return ", ".join(f"{name}={value}" for name, value in record.overrides.items())


def figures_line(record: VersionRecord) -> str:
    """The first figures of a version with their intervals, as one line; the size of a table."""
    shown = [one for one in record.facts.get("figures", ()) if one["value"] is not None][:2]
    if not shown and "rows" in record.facts:
        return f"{record.facts['rows']:,} rows"
    return ", ".join(f"{one['name']} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in shown)


def _show_log(common: Common, project: Project, name: str) -> None:
    project.graph[name]
    record = _last_run(project, name)
    text = ""
    if record.log is not None:
        text = project.store.objects.get(record.log, what=f"the log of {name} in {record.run}").decode()
    trace = (record.error or {}).get("traceback") or ""
    data = {"node": name, "run": record.run, "status": record.status, "log": text, "error": record.error}
    title = styled(f"{name} in {record.run}: {record.status}", "bold")
    body = [part.rstrip() for part in (text, trace if trace not in text else "") if part.strip()]
    show(common, data, title, *(body or ["It wrote nothing."]))


def _last_run(project: Project, name: str) -> RunNodeRecord:
    """The last run in which the node was worked on; a run that reused it has no log of its own."""
    with project.store.catalogue.read() as tx:
        for run in tx.runs.recent(200):
            for record in tx.runs.nodes(run.id):
                if record.node == name and record.status in ("built", "failed"):
                    return record
    raise UnknownNameError(f"no run of this project built '{name}'", hint=f"soroi build {name}")


def _brief(version: str | None) -> str:
    return version.partition("@")[2] if version else "–"
