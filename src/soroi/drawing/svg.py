"""The graph as an SVG picture: layers from left to right, status by colour and word, impact by weight of line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from soroi.drawing.scene import Arrow, Box, Scene, routes
from soroi.drawing.style import FILL, STROKE

_WIDTH, _HEIGHT = 168, 44
_ACROSS, _DOWN = 236, 62
_LANE = 22
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
    routed = routes(scene)
    layers, names = routed.layers, {box.name for box in scene.boxes}
    tall = [sum(_room(name in names) for name in layer) for layer in layers]
    spots = _spots(layers, names, max(tall, default=_DOWN))
    width = 2 * _MARGIN + _ACROSS * max(0, len(layers) - 1) + _WIDTH
    height = 2 * _MARGIN + max(tall, default=_DOWN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" '
        'font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" role="img">',
        "<title>The graph of the project</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" '
        'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 5 0 10z" fill="#5b6b7b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(_arrow(arrow, spots, routed.ways.get((arrow.start, arrow.end), [])) for arrow in scene.arrows),
        *(_box(box, spots[box.name], scene.focus) for box in scene.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _room(is_box: bool) -> int:
    return _DOWN if is_box else _LANE


def _spots(layers: list[list[str]], boxes: Collection[str], tallest: int) -> dict[str, _Spot]:
    """The upper left corner of each box; for an arrow that passes, the left end of its way through the layer."""
    spots: dict[str, _Spot] = {}
    for across, layer in enumerate(layers):
        down = _MARGIN + (tallest - sum(_room(name in boxes) for name in layer)) / 2
        for name in layer:
            at = down if name in boxes else down + _LANE / 2 - (_DOWN - _HEIGHT) / 2
            spots[name] = _Spot(_MARGIN + _ACROSS * across, at)
            down += _room(name in boxes)
    return spots


def _arrow(arrow: Arrow, spots: Mapping[str, _Spot], way: Sequence[str]) -> str:
    start, end = spots[arrow.start], spots[arrow.end]
    x, y = start.x + _WIDTH, start.y + _HEIGHT / 2
    path = f"M{x:g} {y:g}"
    for place in (spots[name] for name in way):
        path += f"{_curve(x, y, place.x, place.y)}H{place.x + _WIDTH:g}"
        x, y = place.x + _WIDTH, place.y
    path += _curve(x, y, end.x, end.y + _HEIGHT / 2)
    width, tone = (2.6, "#1d2b38") if arrow.lit else (1.2, "#5b6b7b")
    return (
        f'<path d="{path}" fill="none" stroke="{tone}" stroke-width="{width}" marker-end="url(#tip)">'
        f"<title>{escape(arrow.end)} {escape(arrow.role)} {escape(arrow.start)}</title></path>"
    )


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    bend = max(24.0, (x2 - x1) / 2)
    return f"C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"


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
