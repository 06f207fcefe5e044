"""Standard nights: simulated searches whose truth is known, for every rule the same.

A night hands out noisy scores of sets of candidates until its budget is spent, and keeps the probes of the final test
back. What it does not model: guards, items, failures without a score, and interactions beyond saturation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from probes.statistics.confirmation import welch

Effects = NDArray[np.float64]
RUN_SD = 0.49
"""Run-to-run sd of the mean over 24 items with three samples each."""
LEVEL = 5.0
COLLAPSE_SHARE, COLLAPSE = 0.04, -3.0
"""Share of the changes of every stream but `null` that ruin the model, and what that costs."""
CONFIRM_PROBES = 16
CONFIRM_LEVEL = 0.05
CANDIDATES = 400
"""More than any rule can look at in 120 probes."""
SMOKE_COST = 0.25
"""Price of a smoke run in probes; it shows a collapse and nothing finer."""


class SpentError(Exception):
    """A rule asked for a probe that the night no longer has; the rule's last working recipe stands."""


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


STREAMS: Mapping[str, Callable[[np.random.Generator, int], Effects]] = {
    "rich": rich,
    "lean": lean,
    "barren": barren,
    "null": null,
}


def saturated(total: float) -> float:
    """Return the gain that effects of this sum leave; losses do not saturate."""
    return 2 * (1 - exp(-total / 2)) if total > 0 else total


class Night:
    """One night: what a rule may ask, and what it costs.

    Args:
        effects: True effect of each candidate by itself, in order of proposal.
        probes: Probes of the search; the final test's are not among them.
        rng: Noise of the scores.
        run_sd: Run-to-run sd.
        number: The night's own number, for rules that draw by themselves.
    """

    def __init__(
        self, effects: Effects, probes: float, rng: np.random.Generator, run_sd: float = RUN_SD, number: int = 0
    ) -> None:
        self.effects, self.left, self.run_sd, self.number = effects, float(probes), run_sd, number
        self._rng = rng

    @property
    def candidates(self) -> range:
        """Candidates in order of proposal."""
        return range(len(self.effects))

    def probe(self, changes: Collection[int] = ()) -> float:
        """Spend one probe and return the score of the recipe with these changes.

        Raises:
            SpentError: the search has no probe left.
        """
        self._spend(1.0)
        return self._score(changes)

    def probes(self, changes: Collection[int], count: int) -> list[float]:
        """Spend `count` probes on one recipe."""
        return [self.probe(changes) for _ in range(count)]

    def smoke(self, change: int) -> bool:
        """Spend a quarter of a probe and return whether the change collapses the model.

        A short run resolves only what is far outside the noise; a collapse is six run sds away.
        """
        self._spend(SMOKE_COST)
        return self.effects[change] <= COLLAPSE

    def gain(self, changes: Collection[int]) -> float:
        """Return the true gain of a recipe: the bench's, never a rule's."""
        return saturated(float(self.effects[list(changes)].sum()))

    def is_claimed(self, changes: Collection[int]) -> bool:
        """Hold the recipe against the baseline on fresh runs, as every night ends."""
        if not changes:
            return False
        half = CONFIRM_PROBES // 2
        final = [self._score(changes) for _ in range(half)]
        difference = welch(final, [self._score(()) for _ in range(half)])
        return difference is not None and difference.p_above(0.0) <= CONFIRM_LEVEL

    def _score(self, changes: Collection[int]) -> float:
        return LEVEL + self.gain(changes) + self.run_sd * float(self._rng.standard_normal())

    def _spend(self, cost: float) -> None:
        if self.left < cost:
            raise SpentError
        self.left -= cost


@dataclass(frozen=True)
class NightResult:
    """How one night ended under one rule."""

    accepted: int
    harmful: int
    """Accepted changes whose own effect is below zero."""
    claimed: bool
    gain: float
    """True gain of the final recipe."""

    @property
    def shipped(self) -> float:
        """True gain where the final test claims one, else 0."""
        return self.gain if self.claimed else 0.0


Rule = Callable[[Night], Collection[int]]
"""Spends a night's search and returns the changes of its final recipe."""


def play(rule: Rule, stream: str, budget: int, seed: int, number: int) -> NightResult:
    """Play one night; candidates and their effects are the same for every rule, the noise is its own."""
    effects_rng, noise_rng = np.random.default_rng([seed, list(STREAMS).index(stream), number]).spawn(2)
    night = Night(STREAMS[stream](effects_rng, CANDIDATES), budget - CONFIRM_PROBES, noise_rng, number=number)
    changes = rule(night)
    own = night.effects[list(changes)]
    return NightResult(len(own), int((own < 0).sum()), night.is_claimed(changes), night.gain(changes))


def _mixture(rng: np.random.Generator, shares: tuple[float, float], good: Effects, other: Effects) -> Effects:
    kind = rng.random(len(good))
    effects = np.where(kind < shares[0], good, np.where(kind < sum(shares), 0.0, other))
    return np.where(rng.random(len(good)) < COLLAPSE_SHARE, COLLAPSE, effects)
