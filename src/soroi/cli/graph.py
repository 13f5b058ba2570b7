"""``soroi graph``: the graph drawn, in the terminal or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from soroi.base.errors import ConfigError
from soroi.cli.common import Common, opened
from soroi.cli.output import answers, show
from soroi.drawing import FORMS, Drawing, Form, make_scene, to_text

if TYPE_CHECKING:
    from soroi.drawing import Scene


def graph(
    node: str | None = None,
    *,
    form: Form | None = None,
    output: Path | None = None,
    status: Annotated[bool, Parameter(negative="--no-status")] = True,
    only: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Draw the graph, with the status of each node and what a node reaches.

    Args:
        node: Highlight what this node reaches.
        form: text, svg, mermaid or dot. Default: by the ending of --output, else text.
        output: Write to this file instead of the terminal.
        status: Show the status of each node.
        only: Leave out what the node neither rests on nor reaches.
    """
    common = common or Common()
    if only and node is None:
        raise ConfigError("--only needs a node", hint="soroi graph careful --only")
    with opened(common) as project:
        states = {name: one.state.value for name, one in project.statuses().items()} if status else None
        scene = make_scene(project.graph, states, node, only)
    if common.json:
        show(common, _data(scene))
        return 0
    chosen = form or (FORMS.get(output.suffix.lower()) if output else None) or "text"
    drawing = Drawing(scene)
    if output is not None:
        drawing.save(output, chosen)
        show(common, {}, f"{chosen} written to {output}: {len(scene.boxes)} nodes, {len(scene.arrows)} edges")
    else:
        coloured = chosen == "text" and answers().isatty()
        drawn = to_text(scene, _painted) if coloured else drawing.write(chosen)
        print(drawn.rstrip("\n"), file=answers())
    return 0


def _painted(text: str, state: str | None, lit: bool) -> str:
    """A name in the colour of its status, for terminals."""
    from rich.style import Style

    from soroi.drawing.style import TERMINAL

    return Style(color=TERMINAL[state], bold=lit).render(text)


def _data(scene: Scene) -> dict[str, Any]:
    return {
        "nodes": [
            {"node": box.name, "kind": box.kind, "state": box.state, "group": box.group, "reached": box.lit}
            for box in scene.boxes
        ],
        "edges": [{"from": one.start, "to": one.end, "role": one.role} for one in scene.arrows],
        "focus": scene.focus,
    }
