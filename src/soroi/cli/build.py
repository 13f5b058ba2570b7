"""``soroi build``: make candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.output import show, styled, table
from soroi.cli.progress import BuildProgress
from soroi.cli.setting import parse_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.build.result import RunResult


def build(
    *nodes: str,
    as_of: str | None = None,
    refresh: Annotated[bool, Parameter(negative=())] = False,
    upstream: Annotated[bool, Parameter(negative=())] = False,
    behind: Annotated[bool, Parameter(negative=())] = False,
    settings: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    use: Annotated[list[str] | None, Parameter(negative=())] = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Make candidates. Changes nothing that is staged or live, and runs nothing again that did not change.

    Args:
        nodes: Nodes to build; none: all.
        as_of: Use only what was known before this moment, such as 2013-03-01 (midnight UTC).
        refresh: Look at the sources again, though an earlier data version would do.
        upstream: Bring everything upstream of the nodes up to date as well.
        behind: Build what is out of step in staging.
        settings: Try a hyper-parameter, as node.parameter=value. May be given several times.
        use: Take this version as input instead of what staging offers. May be given several times.
        force: Run again what was built from the same inputs before.
    """
    common = common or Common()
    wanted = parse_settings(settings or ())
    with opened(common) as project, BuildProgress() as progress:
        done = project.build(
            *nodes,
            as_of=as_of,
            refresh=refresh,
            upstream=upstream,
            behind=behind,
            set=wanted,
            use=tuple(use or ()),
            force=force,
            progress=progress,
        )
    show(common, done.to_dict(), *_lines(done))
    return 0 if done.ok else 1


def _lines(done: RunResult) -> list[RenderableType]:
    if not done.nodes:
        return ["Nothing is behind: there is nothing to build."]
    rows: list[list[Any]] = []
    for node, record in done.nodes.items():
        seconds = f"{record.seconds:.1f} s" if record.seconds is not None else ""
        style = {"built": "green", "failed": "bold red", "skipped": "yellow"}.get(record.status, "dim")
        rows.append([node, styled(record.status, style), record.version or "", seconds, record.reason or ""])
    made = table(("node", "outcome", "version", "took", "note"), rows)
    built = sum(record.status == "built" for record in done.nodes.values())
    words = [f"{built} built", f"{len(done.nodes) - built - len(done.failed)} not run again"]
    lines: list[RenderableType] = [made, "", f"{', '.join(words)}; run {done.id}."]
    for record in done.failed:
        body = record.error or {}
        lines += ["", styled(f"{record.node} failed: {body.get('message', '')}", "red")]
        lines += [f"  {name} {body[key]}" for key, name in (("where", "at  "), ("hint", "hint")) if body.get(key)]
    return lines
