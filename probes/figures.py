"""How every number of a night is written: one function, so that two places can never disagree.

Used by the referee's reasons, the report, the MLflow description and the live display. Missing is an en dash, minus a
real minus sign.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "score",
    "effect",
    "margin",
    "probability",
    "p_value",
    "share",
    "chance",
    "count",
    "duration",
    "size_mib",
    "size_gib",
    "usd",
    "setting",
]
MISSING = "–"


def show(value: float | int | None, kind: Kind) -> str:
    """Return `value` as it is written everywhere.

    Args:
        value: None is missing.
        kind: `score` and `margin` in points (6.31), `effect` a signed difference in points (+0.42), `probability`
            (0.93, never a rounded 0 or 1), `p_value` (three digits), `share` of 1 (17 %), `chance` a share that no
            reckoning makes certain (>99 %, also of 1), `count` (1,273),
            `duration` in seconds (2 h 05 min), `size_mib` (3.4 MiB, 12 KiB), `size_gib` (23.5 GiB), `usd` ($0.42),
            `setting` as it was set (0.95).
    """
    if value is None:
        return MISSING
    match kind:
        case "score" | "margin":
            return _signed(f"{value:.2f}")
        case "effect":
            text = f"{value:+.2f}"
            return "0.00" if text in {"+0.00", "-0.00"} else _signed(text)
        case "probability":
            return ">0.99" if value > 0.99 and value < 1 else "<0.01" if 0 < value < 0.01 else f"{value:.2f}"
        case "p_value":
            return "<0.001" if value < 0.001 else f"{value:.3f}"
        case "share":
            return "<1 %" if 0 < value < 0.005 else ">99 %" if 0.995 <= value < 1 else f"{100 * value:.0f} %"
        case "chance":
            return ">99 %" if value >= 0.995 else show(value, "share")
        case "count":
            return f"{value:,.0f}"
        case "duration":
            return _duration(value)
        case "size_mib":
            return f"{value:.1f} MiB" if value >= 0.95 else f"{max(1, round(1024 * value))} KiB"
        case "size_gib":
            return f"{value:.1f} GiB"
        case "setting":
            return _signed(f"{value:.6g}")
        case "usd":
            return "<$0.01" if 0 < value < 0.005 else f"${value:,.2f}"


def show_chance(name: str, value: float, bound: float | None = None, kind: Kind = "probability") -> str:
    """Return `P(effect > 0) = 0.93`, `p < 0.001`, with as many digits as tell `value` from `bound`.

    Args:
        name: Of what.
        value: A probability or p-value.
        bound: What the sentence holds it against; None: nothing.
        kind: How it is written elsewhere.
    """
    text = show(value, kind)
    while bound is not None and _side(float(text.lstrip("<>")), bound) != _side(value, bound):
        text = f"{value:.{len(text.partition('.')[2]) + 1}f}"
    return f"{name} {text[0]} {text[1:]}" if text[0] in "<>" else f"{name} = {text}"


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
