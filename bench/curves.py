"""One quantity against another as an SVG picture: a few curves in one frame, and a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from bench.drawing import BOTTOM, GRID, INK, LABEL_DISTANCE, LEFT, WIDTH, text

RIGHT, TOP, HEIGHT = 110, 60, 300
TICKS = 5
DOT_RADIUS = 3
LIMIT_COLOR = "#999999"


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Measured points, joined by straight lines; the name stands at the end."""

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    is_thin: bool = False


class Limit(msgspec.Struct, frozen=True):
    """A value that others have published, or that was promised: a level line."""

    value: float
    name: str


def draw_curves(
    title: str, curves: Sequence[Curve], *, x_name: str, y_name: str, limit: Limit
) -> str:
    """Return the picture; both axes begin at zero."""
    xs = sorted({x for curve in curves for x, _ in curve.points})
    highest = max(y for curve in curves for _, y in curve.points)
    step = _step(max(highest, limit.value))
    top_value = step * math.ceil(max(highest, limit.value) * 1.05 / step)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / xs[-1]
        return across, TOP + HEIGHT * (1 - y / top_value)

    height = TOP + HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 22, title, size=15),
        text(LEFT, TOP - 12, y_name),
    ]
    for index in range(round(top_value / step) + 1):
        _, y = place(0, index * step)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y + 4, f"{index * step:g}", anchor="end"))
    parts += _numbers_below([(x, place(x, 0)[0]) for x in xs])
    _, y = place(0, limit.value)
    dashes = f'stroke="{LIMIT_COLOR}" stroke-dasharray="6 4"'
    parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" {dashes}/>')
    parts.append(text(LEFT + 6, y - 5, limit.name, color=LIMIT_COLOR))
    for curve in curves:
        parts += _curve(curve, [place(*point) for point in curve.points])
    parts += _names(curves, [place(*curve.points[-1])[1] for curve in curves])
    parts.append(text(WIDTH - RIGHT, height - 12, x_name, anchor="end"))
    return "\n".join([*parts, "</svg>", ""])


def _step(highest: float) -> float:
    """Return a round distance for about `TICKS` lines up to ``highest``."""
    rough = highest / TICKS
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= rough)


def _numbers_below(places: Sequence[tuple[float, float]]) -> list[str]:
    """Return the measured numbers on the axis, without those for which there is no room."""
    parts = []
    bottom = TOP + HEIGHT
    last = float("-inf")
    for number, x in places:
        parts.append(f'<path d="M{x:.1f} {bottom}v5" stroke="{INK}"/>')
        if x - last > 45:
            parts.append(text(x, bottom + 18, f"{number:,.0f}", anchor="middle"))
            last = x
    return parts


def _curve(curve: Curve, places: Sequence[tuple[float, float]]) -> list[str]:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    style = 'stroke-width="1" stroke-dasharray="2 4"' if curve.is_thin else 'stroke-width="2"'
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT_RADIUS}" fill="{curve.color}"/>'
        for x, y in places
    ]
    return [f'<path d="{path}" fill="none" stroke="{curve.color}" {style}/>', *dots]


def _names(curves: Sequence[Curve], ends: Sequence[float]) -> list[str]:
    """Return the names at the ends of the curves, none upon another."""
    parts = []
    last = float("-inf")
    for end, curve in sorted(zip(ends, curves, strict=True), key=lambda pair: pair[0]):
        last = max(end + 4, last + LABEL_DISTANCE)
        parts.append(text(WIDTH - RIGHT + 10, last, curve.name, color=curve.color))
    return parts
