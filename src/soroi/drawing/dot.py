"""The graph as DOT text, for Graphviz."""

from __future__ import annotations

from soroi.drawing.scene import Scene
from soroi.drawing.style import FILL, STROKE

SHAPES = {"source": "cylinder", "features": "box", "dataset": "folder", "model": "ellipse", "threshold": "diamond"}


def to_dot(scene: Scene) -> str:
    """The scene as a DOT digraph, nodes of one group in a cluster."""
    lines = ["digraph soroi {", '  rankdir="LR";', '  node [style="filled", fontname="sans-serif"];']
    groups: dict[str | None, list[str]] = {}
    for box in scene.boxes:
        label = f"{box.name}\\n{box.kind}" + (f", {box.state}" if box.state else "")
        style = (
            f'label="{_quoted(label)}", shape="{SHAPES.get(box.kind, "octagon")}", '
            f'fillcolor="{FILL[box.state]}", color="{STROKE[box.state]}", penwidth="{3 if box.lit else 1}"'
        )
        groups.setdefault(box.group, []).append(f'"{_quoted(box.name)}" [{style}];')
    for number, (group, nodes) in enumerate(groups.items()):
        inside = [f"  {node}" for node in nodes]
        if group is not None:
            body = "\n  ".join(inside)
            inside = [f'  subgraph "cluster_{number}" {{\n    label="{_quoted(group)}";\n  {body}\n  }}']
        lines += inside
    for arrow in scene.arrows:
        width = 3 if arrow.lit else 1
        ends = f'"{_quoted(arrow.start)}" -> "{_quoted(arrow.end)}"'
        lines.append(f'  {ends} [label="{_quoted(arrow.role)}", fontsize="9", penwidth="{width}"];')
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return text.replace('"', '\\"')
