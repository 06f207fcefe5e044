"""Small charts as inline SVG: the target by value of one knob, and the parts of a whole as one bar."""

from __future__ import annotations

from markupsafe import Markup, escape

from runner.report.blocks import KnobChart, KnobCharts, KnobPoint, Part, Shares
from runner.report.charts import Scale, ticks
from tracking.figures import show

HEIGHT, TOP, BOTTOM = 132, 10, 24
BAR_HEIGHT = 22


def knob_scale(charts: KnobCharts) -> Scale:
    """Return the y axis that all charts of a block share; zero is always on it."""
    points = [point for chart in charts.charts for point in chart.points]
    ends = [end for point in points for end in (point.level, point.low, point.high) if end is not None]
    return Scale(min(0.0, *ends), max(0.0, *ends), HEIGHT - BOTTOM, TOP)


def knob_svg(chart: KnobChart, y: Scale) -> Markup:
    """Return one knob's chart: its values side by side in order, the safe band shaded, the baseline at zero."""
    step, height = 100 / len(chart.points), HEIGHT - BOTTOM + 4
    places = {index: round(step * (index + 0.5), 3) for index in range(len(chart.points))}
    safe = [index for index, point in enumerate(chart.points) if point.is_safe]
    body = [
        *(
            f'<rect class="safe" x="{step * index:.3f}%" y="0" width="{step:.3f}%" height="{height}"/>'
            for index in safe
        ),
        *_grid(y),
        *(_point(point, places[index], y) for index, point in enumerate(chart.points)),
    ]
    said = "; ".join(f"{point.value}: {point.shown}" for point in chart.points)
    return Markup(
        f'<svg class="knob" width="100%" height="{HEIGHT}" role="img"><title>{escape(chart.title)}</title>'
        f"<desc>{escape(said)}</desc>{''.join(body)}</svg>"
    )


def shares_svg(shares: Shares) -> Markup:
    """Return one bar whose parts are as wide as their shares."""
    parts: list[str] = []
    left = 0.0
    for index, part in enumerate(shares.parts):
        width = 100 * part.share
        parts.append(f'<rect class="part-{index}" x="{left:.3f}%" y="0" width="{width:.3f}%" height="{BAR_HEIGHT}"/>')
        left += width
    said = ", ".join(f"{part.label} {part.shown}" for part in shares.parts)
    return Markup(
        f'<svg class="shares" width="100%" height="{BAR_HEIGHT}" role="img"><title>{escape(shares.caption)}</title>'
        f"<desc>{escape(said)}</desc>{''.join(parts)}</svg>"
    )


def share_words(part: Part) -> str:
    """Return a part's line in the legend."""
    return f"{part.label} {part.shown}"


def _grid(y: Scale) -> list[str]:
    lines = [
        f'<line class="{"zero" if value == 0 else "grid"}" x1="0" x2="100%" y1="{y(value)}" y2="{y(value)}"/>'
        for value in ticks(y.low, y.high, 5)
    ]
    return [
        *lines,
        *(f'<text class="tick" x="0" y="{y(v) - 3}">{show(v, "effect")}</text>' for v in ticks(y.low, y.high, 5)),
    ]


def _point(point: KnobPoint, x: float, y: Scale) -> str:
    span = ""
    if point.low is not None and point.high is not None:
        span = f'<line class="span" x1="{x}%" x2="{x}%" y1="{y(point.low)}" y2="{y(point.high)}"/>'
    return (
        f'<g class="bar {point.tone}">{span}<circle class="dot" cx="{x}%" cy="{y(point.level)}" r="4.5"/></g>'
        f'<text x="{x}%" y="{HEIGHT - 5}" text-anchor="middle">{escape(point.value)}</text>'
    )
