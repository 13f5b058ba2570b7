"""The graph drawn: for terminals, as SVG, and as Mermaid or DOT text, with status, groups and impact."""

from soroi.drawing.dot import to_dot
from soroi.drawing.drawing import FORMS, Drawing, Form
from soroi.drawing.mermaid import to_mermaid
from soroi.drawing.scene import Scene, make_scene
from soroi.drawing.svg import to_svg
from soroi.drawing.text import to_text

__all__ = ["FORMS", "Drawing", "Form", "Scene", "make_scene", "to_dot", "to_mermaid", "to_svg", "to_text"]
