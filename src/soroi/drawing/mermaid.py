"""The graph as Mermaid text, for Markdown pages that draw it."""

from __future__ import annotations

from soroi.drawing.scene import Box, Scene
from soroi.drawing.style import FILL, STROKE

_FORMS = {
    "source": ("[(", ")]"),
    "features": ("[", "]"),
    "dataset": ("[/", "/]"),
    "model": ("([", "])"),
    "threshold": ("{{", "}}"),
    "decision": ("[[", "]]"),
}


def to_mermaid(scene: Scene) -> str:
    """The scene as a Mermaid flowchart, nodes of one group in a subgraph."""
    names = {box.name: f"n{at}" for at, box in enumerate(scene.boxes)}
    lines = ["flowchart LR"]
    groups: dict[str | None, list[Box]] = {}
    for box in scene.boxes:
        groups.setdefault(box.group, []).append(box)
    for number, (group, boxes) in enumerate(groups.items()):
        nodes = [f"  {names[box.name]}{_form(box)}" for box in boxes]
        if group is not None:
            nodes = [f'  subgraph g{number}["{_text(group)}"]', *(f"  {node}" for node in nodes), "  end"]
        lines += nodes
    for arrow in scene.arrows:
        link = "==>" if arrow.lit else "-->"
        lines.append(f"  {names[arrow.start]} {link}|{_text(arrow.role)}| {names[arrow.end]}")
    for state in sorted({box.state for box in scene.boxes if box.state}):
        lines.append(f"  classDef {state} fill:{FILL[state]},stroke:{STROKE[state]}")
    for box in scene.boxes:
        if box.state:
            lines.append(f"  class {names[box.name]} {box.state}")
    return "\n".join([*lines, ""])


def _form(box: Box) -> str:
    left, right = _FORMS[box.kind]
    return f'{left}"{_text(box.name)}"{right}'


def _text(text: str) -> str:
    return text.replace('"', "#quot;")
