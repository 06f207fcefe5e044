"""How an audit writes numbers and foreign text: others' metrics have scales of their own, and their text is data."""

from __future__ import annotations

from collections.abc import Sequence

from tracking.figures import MISSING

LONGEST_TEXT = 72


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return foreign text as one line that cannot steer a terminal: control and invisible signs written out."""
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def number(value: float | None, digits: int | None = None, *, signed: bool = False) -> str:
    """Return a number with `digits` decimals, or in its shortest form to 4 significant digits; None is an en dash."""
    if value is None:
        return MISSING
    plus = "+" if signed else ""
    text = f"{value:{plus}.{digits}f}" if digits is not None else f"{value:{plus}.4g}"
    mantissa, mark, exponent = text.partition("e")
    return mantissa.replace("-", "−") + mark + exponent


def listed(names: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`; a long list is cut and counted."""
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""
