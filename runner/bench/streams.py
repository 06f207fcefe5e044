"""Standard streams of candidates: what a night is offered, and what the truth of it is.

The four streams of the first study, and variants of them in which one assumption of the fit is broken or one more
signal is measured. A variant draws the same effects as its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import exp
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Effects = NDArray[np.float64]
COLLAPSE_SHARE, COLLAPSE = 0.04, -3.0
"""Share of the changes of every stream but `null` that ruin the model, and what that costs."""


@dataclass(frozen=True)
class Stream:
    """What candidates do."""

    number: int
    """Seeds the candidates; equal for a stream and its variants."""
    draw: Callable[[np.random.Generator, int], Effects]
    """Draws the effects of so many candidates."""
    interaction_sd: float = 0.0
    """Sd of what every pair of changes adds to the sum of its effects."""
    companion_correlation: float = 0.0
    """Correlation of a companion's noise with the score's; 0: no companion is measured."""
    companion_effect_sd: float = 0.0
    """Sd of what a change does to the companion alone, in the companion's run-to-run sds."""

    @property
    def is_for_companions(self) -> bool:
        """Whether the stream is another one only for a rule that reads companions."""
        return self.companion_correlation != 0.0


def rich(rng: np.random.Generator, count: int) -> Effects:
    """15 % clear gains, 15 % without effect, the rest mostly harmful."""
    return _mixture(rng, (0.15, 0.15), np.abs(rng.normal(0.4, 0.25, count)), rng.normal(-0.15, 0.30, count))


def lean(rng: np.random.Generator, count: int) -> Effects:
    """5 % clear gains, 25 % without effect, the rest harmful."""
    return _mixture(rng, (0.05, 0.25), np.abs(rng.normal(0.4, 0.25, count)), rng.normal(-0.30, 0.30, count))


def barren(rng: np.random.Generator, count: int) -> Effects:
    """Nothing helps: 30 % without effect, the rest harmful."""
    return _mixture(rng, (0.0, 0.30), np.zeros(count), np.minimum(0.0, rng.normal(-0.30, 0.20, count)))


def null(rng: np.random.Generator, count: int) -> Effects:
    """Nothing has any effect."""
    return np.zeros(count)


PLAIN: Mapping[str, Stream] = {
    name: Stream(number, draw)
    for number, (name, draw) in enumerate({"rich": rich, "lean": lean, "barren": barren, "null": null}.items())
}
STREAMS: Mapping[str, Stream] = MappingProxyType(
    {
        **PLAIN,
        **{f"{name}, interactions .10": replace(PLAIN[name], interaction_sd=0.10) for name in ("rich", "lean")},
        **{
            f"{name}, companion .6": replace(PLAIN[name], companion_correlation=0.6)
            for name in ("rich", "lean", "null")
        },
        **{
            f"{name}, companion .6 with effects": replace(
                PLAIN[name], companion_correlation=0.6, companion_effect_sd=1.0
            )
            for name in ("rich", "lean", "null")
        },
    }
)


def saturated(total: float) -> float:
    """Return the gain that effects of this sum leave; losses do not saturate."""
    return 2 * (1 - exp(-total / 2)) if total > 0 else total


def _mixture(rng: np.random.Generator, shares: tuple[float, float], good: Effects, other: Effects) -> Effects:
    kind = rng.random(len(good))
    effects = np.where(kind < shares[0], good, np.where(kind < sum(shares), 0.0, other))
    return np.where(rng.random(len(good)) < COLLAPSE_SHARE, COLLAPSE, effects)
