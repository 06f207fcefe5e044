"""Charts as inline SVG, written by hand: no library, no script, colours from the page.

Positions along x are percentages and everything else is pixels, so that a chart fits any width and its text keeps its
size on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from runner.report.blocks import Forest, ForestRow, ScoreChart, ScorePoint
from tracking.figures import show

ROW_HEIGHT = 22
PLOT_HEIGHT = 260
TOP, BOTTOM = 14, 26
ARMS = {"baseline": "baseline", "candidate": "candidate", "block": "row of a block", "final": "final recipe"}
EDGE = 2.0
"""Percent of the width left free on both sides."""


class Scale:
    """A linear map from values to positions."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1.0
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        """Return the position of `value`, held inside the plot."""
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return round(self._start + share * (self._end - self._start), 3)


def forest_scale(forest: Forest) -> Scale:
    """Return the shared x axis of a forest plot; zero is always on it."""
    low = min(0.0, *(row.low for row in forest.rows))
    high = max(0.0, *(row.high for row in forest.rows))
    return Scale(low, high, EDGE, 100 - EDGE)


def forest_bar(row: ForestRow, x: Scale) -> Markup:
    """Return one row of a forest plot: the zero line, the interval and the estimate."""
    middle = ROW_HEIGHT / 2
    return Markup(
        f'<svg class="bar {row.tone}" width="100%" height="{ROW_HEIGHT}" role="img">'
        f"<title>{escape(row.label)}: {escape(row.shown)}</title>"
        f'<line class="zero" x1="{x(0)}%" x2="{x(0)}%" y1="0" y2="{ROW_HEIGHT}"/>'
        f'<line class="span" x1="{x(row.low)}%" x2="{x(row.high)}%" y1="{middle}" y2="{middle}"/>'
        f'<circle class="dot" cx="{x(row.effect)}%" cy="{middle}" r="4.5"/></svg>'
    )


def forest_axis(x: Scale) -> Markup:
    """Return the axis below a forest plot."""
    parts = [
        f'<text x="{x(value)}%" y="14" text-anchor="{_anchor(x(value))}">{show(value, "effect")}</text>'
        for value in ticks(x.low, x.high, 7)
    ]
    return Markup(f'<svg class="axis" width="100%" height="18" aria-hidden="true">{"".join(parts)}</svg>')


def score_svg(chart: ScoreChart) -> Markup:
    """Return the score chart: a point per probe, the level of the working recipe, the band of noise."""
    known = [point.score for point in chart.points if point.score is not None]
    values = [*known, *(chart.band or ()), *(level for _, level in chart.levels if level is not None)]
    y = Scale(*_rounded(min(values), max(values)), PLOT_HEIGHT - BOTTOM, TOP)
    first, last = chart.points[0].number, max(point.number for point in chart.points)
    x = Scale(first - 0.5, last + 0.5, EDGE, 100 - EDGE)
    parts = [
        *_confirmation(chart.points, x),
        *_band(chart, y),
        *_grid(y),
        *_numbers(first, last, x),
        *_levels(chart, x, y, last),
        *(_mark(point, x, y) for point in chart.points),
    ]
    ends = f"{show(min(known), 'score')} to {show(max(known), 'score')}"
    said = f"{show(len(known), 'count')} scored probes from #{first} to #{last}, {ends}"
    return Markup(
        f'<svg class="scores" width="100%" height="{PLOT_HEIGHT}" role="img"><title>{escape(chart.caption)}</title>'
        f"<desc>{escape(said)}</desc>{''.join(parts)}</svg>"
    )


def score_legend(chart: ScoreChart) -> list[tuple[str, str]]:
    """Return class and words of every kind of mark in the chart."""
    shown: dict[str, str] = {point.arm: ARMS[point.arm] for point in chart.points if point.score is not None}
    lost = [("cross", "× without result")] if any(point.score is None for point in chart.points) else []
    return [*((arm, words) for arm, words in ARMS.items() if arm in shown), *lost]


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round values between `low` and `high`; the one value where they are equal."""
    if high <= low:
        return [low]
    raw = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    start = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(start, math.floor(high / step + 1e-9) + 1)]


def _grid(y: Scale) -> list[str]:
    return [
        f'<line class="grid" x1="0" x2="100%" y1="{y(value)}" y2="{y(value)}"/>'
        f'<text class="tick" x="0" y="{y(value) - 4}">{show(value, "score")}</text>'
        for value in ticks(y.low, y.high, 5)
    ]


def _numbers(first: int, last: int, x: Scale) -> list[str]:
    wanted = sorted({first, last, *(int(value) for value in ticks(first, last, 5) if value == int(value))})
    shown = [
        number for number in wanted if number in {first, last} or min(number - first, last - number) * 12 > last - first
    ]
    return [
        f'<text class="tick" x="{x(number)}%" y="{PLOT_HEIGHT - 6}" text-anchor="{_anchor(x(number))}">#{number}</text>'
        for number in shown
    ]


def _confirmation(points: Sequence[ScorePoint], x: Scale) -> list[str]:
    numbers = [point.number for point in points if point.is_confirmation]
    if not numbers:
        return []
    start, height = x(min(numbers) - 0.5), PLOT_HEIGHT - BOTTOM - TOP + 8
    return [
        f'<rect class="confirm" x="{start}%" y="{TOP - 8}" width="{round(x(max(numbers) + 0.5) - start, 3)}%" '
        f'height="{height}"/><text class="tick" x="{start + 0.8}%" y="{TOP + 6}">confirmation</text>'
    ]


def _band(chart: ScoreChart, y: Scale) -> list[str]:
    if chart.band is None:
        return []
    top, bottom = y(chart.band[1]), y(chart.band[0])
    return [f'<rect class="band" x="0" y="{top}" width="100%" height="{round(bottom - top, 3)}"/>']


def _levels(chart: ScoreChart, x: Scale, y: Scale, last: int) -> list[str]:
    ends = [start for start, _ in chart.levels[1:]]
    search = [point.number for point in chart.points if not point.is_confirmation]
    ends.append(max(search, default=last) + 1)
    lines: list[str] = []
    before: float | None = None
    for (start, level), end in zip(chart.levels, ends, strict=True):
        if level is not None:
            left, right, height = x(start - 0.5), x(end - 0.5), y(level)
            lines.append(f'<line class="level" x1="{left}%" x2="{right}%" y1="{height}" y2="{height}"/>')
            if before is not None:
                lines.append(f'<line class="level" x1="{left}%" x2="{left}%" y1="{y(before)}" y2="{height}"/>')
        before = level
    return lines


def _mark(point: ScorePoint, x: Scale, y: Scale) -> str:
    title = f"<title>{escape(point.label)}</title>" if point.label else ""
    if point.score is None:
        foot = PLOT_HEIGHT - BOTTOM - 3
        return f'<text class="failed" x="{x(point.number)}%" y="{foot}" text-anchor="middle">×{title}</text>'
    return f'<circle class="{point.arm}" cx="{x(point.number)}%" cy="{y(point.score)}" r="4">{title}</circle>'


def _anchor(position: float) -> str:
    return "start" if position < 4 else "end" if position > 96 else "middle"


def _rounded(low: float, high: float) -> tuple[float, float]:
    return math.floor(2 * low - 0.1) / 2, math.ceil(2 * high + 0.1) / 2
