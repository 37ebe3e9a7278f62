"""Lines over time as an SVG picture: panels one below the other, with one time for all."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

WIDTH = 860
PANEL_HEIGHT = 200
LEFT, RIGHT, TOP, GAP, BOTTOM = 56, 96, 80, 44, 48
GRID = "#dddddd"
INK = "#333333"
LABEL_DISTANCE = 13
MARK_HEIGHT = 20
X_TICKS, Y_TICKS = 60, 25


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity over time, in percent; its name stands at its end.

    Attributes:
        points: Seconds and percent.
        is_thin: Drawn thin and dashed: for comparison.
    """

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    is_thin: bool = False


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """Lines in one frame."""

    title: str
    lines: Sequence[Line]


class Mark(msgspec.Struct, frozen=True):
    """A moment at which something happened, in all panels."""

    second: float
    text: str


def draw(title: str, panels: Sequence[Panel], marks: Sequence[Mark], *, seconds: float) -> str:
    """Return the picture; the same lines give the same text."""
    height = TOP + len(panels) * (PANEL_HEIGHT + GAP) - GAP + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 22, title, size=15),
    ]
    for index, panel in enumerate(panels):
        top = TOP + index * (PANEL_HEIGHT + GAP)
        parts.append(text(LEFT, top - 8 - (0 if index else MARK_HEIGHT), panel.title, size=13))
        parts += _frame(top, seconds)
        parts += _marks(marks, top, seconds, with_text=index == 0)
        for line in panel.lines:
            parts.append(_line(line, top, seconds))
        parts += _labels(panel.lines, top)
    parts.append(text(WIDTH - RIGHT, height - 12, "seconds", anchor="end"))
    return "\n".join([*parts, "</svg>", ""])


def _x(second: float, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * second / seconds


def _y(percent: float, top: float) -> float:
    return top + PANEL_HEIGHT * (1 - percent / 100)


def _frame(top: float, seconds: float) -> list[str]:
    """Return the grid with its numbers."""
    right = WIDTH - RIGHT
    parts = []
    for percent in range(0, 101, Y_TICKS):
        y = _y(percent, top)
        parts.append(f'<path d="M{LEFT} {y:g}H{right}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y + 4, f"{percent} %", anchor="end"))
    for second in range(0, int(seconds) + 1, X_TICKS):
        x = _x(second, seconds)
        bottom = top + PANEL_HEIGHT
        parts.append(f'<path d="M{x:.1f} {bottom}v5" stroke="{INK}"/>')
        parts.append(text(x, bottom + 18, str(second), anchor="middle"))
    return parts


def _marks(marks: Sequence[Mark], top: float, seconds: float, *, with_text: bool) -> list[str]:
    parts = []
    for mark in marks:
        x = _x(mark.second, seconds)
        parts.append(f'<path d="M{x:.1f} {top}v{PANEL_HEIGHT}" stroke="#bbbbbb"/>')
        if with_text:
            parts.append(text(x, top - 8, mark.text, size=11))
    return parts


def _line(line: Line, top: float, seconds: float) -> str:
    places = [(f"{_x(x, seconds):.1f}", f"{_y(y, top):.1f}") for x, y in line.points]
    # Of a level stretch, both ends are enough.
    kept = [
        place
        for index, place in enumerate(places)
        if index in (0, len(places) - 1)
        or not places[index - 1][1] == place[1] == places[index + 1][1]
    ]
    path = "M" + "L".join(f"{x} {y}" for x, y in kept)
    style = 'stroke-width="1" stroke-dasharray="2 4"' if line.is_thin else 'stroke-width="2"'
    return f'<path d="{path}" fill="none" stroke="{line.color}" {style}/>'


def _labels(lines: Sequence[Line], top: float) -> list[str]:
    """Return the names at the ends of lines, none upon another."""
    named = [line for line in lines if line.name]
    named.sort(key=lambda line: -line.points[-1][1])
    parts = []
    last = float("-inf")
    for line in named:
        last = max(_y(line.points[-1][1], top) + 4, last + LABEL_DISTANCE)
        parts.append(text(WIDTH - RIGHT + 6, last, line.name, color=line.color))
    return parts


def text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", color: str = INK
) -> str:
    """Return a line of text; ``anchor`` says which end of it is at ``x``."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' fill="{color}">{escape(text)}</text>'
    )
