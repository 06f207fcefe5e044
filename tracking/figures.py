"""How intervals, effects with intervals and counts are written; single numbers are written by `probes.figures`."""

from __future__ import annotations

from probes.figures import MISSING, Kind, show
from probes.statistics.verdicts import Interval

__all__ = ["MISSING", "Kind", "show", "show_count", "show_effect", "show_interval", "show_p"]


def show_interval(interval: Interval | None, kind: Kind = "effect") -> str:
    """Return `[+0.10, +0.75]`, an en dash when a bound is unknown."""
    if interval is None or interval.low is None or interval.high is None:
        return MISSING
    return f"[{show(interval.low, kind)}, {show(interval.high, kind)}]"


def show_effect(effect: float | None, interval: Interval | None) -> str:
    """Return an effect with its interval, `+0.42 [+0.10, +0.75]`."""
    if effect is None:
        return MISSING
    bounds = show_interval(interval)
    return show(effect, "effect") if bounds == MISSING else f"{show(effect, 'effect')} {bounds}"


def show_p(p_value: float | None) -> str:
    """Return `p = 0.034`, `p < 0.001`."""
    text = show(p_value, "p_value")
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def show_count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 probe`, `12 probes`."""
    return f"{show(number, 'count')} {noun if number == 1 else plural or noun + 's'}"
