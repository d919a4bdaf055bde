"""Small charts as SVG text, so that a report is one file without scripts or fonts.

In:   named values.
Out:  ``<svg>`` elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["COLOURS", "bars", "lines", "scatter"]

COLOURS = (
    "#2f6db3", "#d1742f", "#3f9158", "#b23a48", "#7b5ea7",
    "#8a6d3b", "#c06c9e", "#5f6b6d", "#9aa02f", "#2f9e9e",
)  # fmt: skip

_WIDTH, _LABEL, _RIGHT, _LINE = 680, 190, 110, 24


def bars(values: Sequence[tuple[str, float, float, float]], *, highlight: str = "") -> str:
    """A line a model: its mean as a dot, its interval as a bar, from 0 on.

    Args:
        values: Name, mean, and lower and upper end of the interval, of each model.
        highlight: Name of the model that is drawn in another colour.
    """
    top = max((high for *_, high in values), default=1.0) or 1.0
    scale = (_WIDTH - _LABEL - _RIGHT) / top
    parts = []
    for number, (name, mean, low, high) in enumerate(values):
        y = number * _LINE + _LINE / 2
        colour = COLOURS[1] if name == highlight else COLOURS[0]
        parts += [
            f'<text x="{_LABEL - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>',
            f'<line x1="{_LABEL + low * scale:.1f}" x2="{_LABEL + high * scale:.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="3" opacity=".45"/>',
            f'<circle cx="{_LABEL + mean * scale:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>',
            f'<text x="{_LABEL + high * scale + 8:.1f}" y="{y + 4:.1f}">{mean:.4f}</text>',
        ]
    return _svg(parts, len(values) * _LINE)


def lines(ticks: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """One line a model over evenly spaced ticks; a value that is missing breaks nothing."""
    known = [v for row in series.values() for v in row if not math.isnan(v)]
    top, height, foot = max(known, default=1.0) or 1.0, 260, 34
    wide = _WIDTH - _LABEL - 60
    step = wide / max(len(ticks) - 1, 1)
    parts = _axis(top, height, wide + 50)
    for place, tick in enumerate(ticks):
        parts.append(
            f'<text x="{50 + place * step:.1f}" y="{height + 18}" text-anchor="middle">'
            f"{escape(tick)}</text>"
        )
    for number, (name, row) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [
            (50 + place * step, height - value / top * (height - 20))
            for place, value in enumerate(row)
            if not math.isnan(value)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(
            f'<text x="{_WIDTH - _LABEL + 10}" y="{20 + number * 17}" fill="{colour}">'
            f"{escape(name)}</text>"
        )
    return _svg(parts, max(height + foot, 30 + 17 * len(series)))


def scatter(points: Sequence[tuple[str, float, float]], *, x_name: str, log_x: bool = False) -> str:
    """A scatter chart as SVG, one named dot for each model; the vertical axis begins at 0.

    Args:
        points: Name, ``x`` and ``y`` of each model; a point with NaN is left out.
        x_name: Name of the horizontal axis.
        log_x: Whether the horizontal axis is logarithmic.
    """
    points = [p for p in points if not (math.isnan(p[1]) or math.isnan(p[2]))]
    if not points:
        return _svg([], 0)

    def along(value: float) -> float:
        return math.log10(max(value, 1e-2)) if log_x else value

    low = min(along(x) for _, x, _ in points) if log_x else 0.0
    high = max(along(x) for _, x, _ in points)
    span, height = (high - low) or 1.0, 280
    top = max(y for *_, y in points) or 1.0
    wide = _WIDTH - _LABEL - 60
    parts = _axis(top, height, wide + 50)
    for number, (name, x, y) in enumerate(points):
        colour = COLOURS[number % len(COLOURS)]
        cx, cy = 50 + (along(x) - low) / span * wide, height - y / top * (height - 20)
        parts += [
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4.5" fill="{colour}"/>',
            f'<text x="{cx + 7:.1f}" y="{cy + 4:.1f}" fill="{colour}">{escape(name)}</text>',
        ]
    ends = [(50.0, low), (50.0 + wide, high)]
    for place, value in ends:
        shown = 10**value if log_x else value
        parts.append(
            f'<text x="{place:.1f}" y="{height + 18}" text-anchor="middle">{shown:.3g}</text>'
        )
    parts.append(
        f'<text x="{50 + wide / 2:.1f}" y="{height + 32}" text-anchor="middle">'
        f"{escape(x_name)}</text>"
    )
    return _svg(parts, height + 40)


def _axis(top: float, height: float, right: float) -> list[str]:
    parts = []
    for fraction in (0.0, 0.5, 1.0):
        y = height - fraction * (height - 20)
        parts += [
            f'<line x1="50" x2="{right:.0f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="44" y="{y + 4:.1f}" text-anchor="end">{fraction * top:.3f}</text>',
        ]
    return parts


def _svg(parts: list[str], height: float) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" role="img" '
        f'font-size="12" fill="#333">{body}</svg>'
    )
