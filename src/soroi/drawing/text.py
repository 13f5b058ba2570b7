"""The graph for terminals: what each node rests on as an indented tree from the decisions up, each node told once."""

from __future__ import annotations

from collections.abc import Callable

from soroi.drawing.scene import Box, Scene

Paint = Callable[[str, str | None, bool], str]
"""Colours a name: text, status, whether it is highlighted."""


def to_text(scene: Scene, paint: Paint = lambda text, state, lit: text) -> str:
    """The scene as lines of text. A node that was told before is named again with ``↑`` and not opened.

    Args:
        scene: What is to be drawn.
        paint: Colours a name; default: not at all.
    """
    boxes = {box.name: box for box in scene.boxes}
    producers: dict[str, list[tuple[str, str]]] = {name: [] for name in boxes}
    used: set[str] = set()
    for arrow in scene.arrows:
        producers[arrow.end].append((arrow.start, arrow.role))
        used.add(arrow.start)
    lines: list[str] = []
    told: set[str] = set()

    def tell(name: str, before: str, branch: str, role: str) -> None:
        box = boxes[name]
        again = name in told
        mark = " ↑" if again and producers[name] else ""
        lines.append(f"{before}{branch}{_line(box, role, paint)}{mark}")
        if again:
            return
        told.add(name)
        inner = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        below = producers[name]
        for at, (producer, why) in enumerate(below):
            tell(producer, inner, "└─ " if at == len(below) - 1 else "├─ ", why)

    for box in scene.boxes:
        if box.name not in used:
            tell(box.name, "", "", "")
    return "\n".join(lines)


def _line(box: Box, role: str, paint: Paint) -> str:
    why = f"{role} " if role else ""
    state = f" · {box.state}" if box.state else ""
    lit = " ◀" if box.lit else ""
    return f"{why}{paint(box.name, box.state, box.lit)} ({box.kind}{state}){lit}"
