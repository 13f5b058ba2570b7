"""The graph as an SVG picture: layers from left to right, status by colour and word, impact by weight of line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from soroi.drawing.scene import Arrow, Box, Scene
from soroi.drawing.style import FILL, STROKE

_WIDTH, _HEIGHT = 168, 44
_ACROSS, _DOWN = 236, 62
_MARGIN = 24


@dataclass(frozen=True, slots=True)
class _Spot:
    x: float
    y: float


def to_svg(scene: Scene) -> str:
    """The scene as a standalone SVG document.

    Args:
        scene: What is to be drawn.
    """
    layers = scene.layers()
    spots = _spots(layers)
    width = 2 * _MARGIN + _ACROSS * max(0, len(layers) - 1) + _WIDTH
    height = 2 * _MARGIN + _DOWN * max((len(layer) for layer in layers), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" '
        'font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" role="img">',
        "<title>The graph of the project</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" '
        'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 5 0 10z" fill="#5b6b7b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(_arrow(arrow, spots) for arrow in scene.arrows),
        *(_box(box, spots[box.name], scene.focus) for box in scene.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _spots(layers: list[list[str]]) -> dict[str, _Spot]:
    tallest = max((len(layer) for layer in layers), default=1)
    spots: dict[str, _Spot] = {}
    for across, layer in enumerate(layers):
        top = _MARGIN + _DOWN * (tallest - len(layer)) / 2
        for down, name in enumerate(layer):
            spots[name] = _Spot(_MARGIN + _ACROSS * across, top + _DOWN * down)
    return spots


def _arrow(arrow: Arrow, spots: Mapping[str, _Spot]) -> str:
    start, end = spots[arrow.start], spots[arrow.end]
    x1, y1 = start.x + _WIDTH, start.y + _HEIGHT / 2
    x2, y2 = end.x, end.y + _HEIGHT / 2
    bend = max(24.0, (x2 - x1) / 2)
    width, tone = (2.6, "#1d2b38") if arrow.lit else (1.2, "#5b6b7b")
    return (
        f'<path d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" fill="none" '
        f'stroke="{tone}" stroke-width="{width}" marker-end="url(#tip)"><title>{escape(arrow.end)} '
        f"{escape(arrow.role)} {escape(arrow.start)}</title></path>"
    )


def _box(box: Box, spot: _Spot, focus: str | None) -> str:
    weight = 3.4 if box.name == focus else 2.4 if box.lit else 1.3
    under = box.kind + (f" · {box.state}" if box.state else "")
    name = box.name if len(box.name) <= 22 else box.name[:21] + "…"
    group = f", {box.group}" if box.group else ""
    middle = spot.x + _WIDTH / 2
    return (
        f"<g><title>{escape(box.name)}: {escape(under + group)}</title>"
        f'<rect x="{spot.x:g}" y="{spot.y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{FILL[box.state]}" '
        f'stroke="{STROKE[box.state]}" stroke-width="{weight}"/>'
        f'<text x="{middle:g}" y="{spot.y + 19:g}" text-anchor="middle" font-weight="600" fill="#1d2b38">'
        f'{escape(name)}</text><text x="{middle:g}" y="{spot.y + 35:g}" text-anchor="middle" font-size="11" '
        f'fill="#4a5a69">{escape(under)}</text></g>'
    )
