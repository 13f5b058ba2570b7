"""A drawing that shows itself in notebooks and can be saved in any form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from soroi.base.errors import ConfigError
from soroi.drawing.dot import to_dot
from soroi.drawing.mermaid import to_mermaid
from soroi.drawing.scene import Scene
from soroi.drawing.svg import to_svg
from soroi.drawing.text import to_text

Form = Literal["text", "svg", "mermaid", "dot"]
"""In what a scene can be written."""

FORMS: Final[Mapping[str, Form]] = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "text",
}
"""The form that the ending of a file's name stands for."""


class Drawing:
    """A scene, drawn in the form that is asked for. In a notebook it shows itself as a picture.

    Args:
        scene: What is to be drawn.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __repr__(self) -> str:
        return self.text()

    def svg(self) -> str:
        """A standalone SVG document."""
        return to_svg(self.scene)

    def mermaid(self) -> str:
        """Mermaid text."""
        return to_mermaid(self.scene)

    def dot(self) -> str:
        """DOT text, for Graphviz."""
        return to_dot(self.scene)

    def text(self) -> str:
        """An indented tree, for terminals."""
        return to_text(self.scene)

    def write(self, form: Form) -> str:
        """The drawing in a form, by its name."""
        return {"text": self.text, "svg": self.svg, "mermaid": self.mermaid, "dot": self.dot}[form]()

    def save(self, path: Path | str, form: Form | None = None) -> Path:
        """Write it to a file.

        Args:
            path: The file; replaced when it is there.
            form: In what form. Default: by the ending of the name.

        Returns:
            The file.

        Raises:
            ConfigError: The ending stands for no form.
        """
        path = Path(path)
        chosen = form or FORMS.get(path.suffix.lower())
        if chosen is None:
            raise ConfigError(
                f"'{path.name}' does not say in what form the graph is to be drawn",
                hint=f"end the name with one of {', '.join(FORMS)}, or name the form",
            )
        path.write_text(self.write(chosen).rstrip("\n") + "\n", encoding="utf-8")
        return path

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto;max-height:48em">{self.svg()}</div>'  # a wide graph scrolls

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        made = {"text/plain": self.text, "image/svg+xml": self.svg, "text/html": self._repr_html_}
        return {
            kind: make()
            for kind, make in made.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }
