"""Standard nights: simulated searches whose truth is known, for every rule the same.

A night hands out noisy scores of sets of candidates until its budget is spent, and keeps the probes of the final test
back. What it does not model: guards, items and failures without a score.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from probes.statistics.confirmation import Difference, welch
from runner.bench.streams import COLLAPSE, STREAMS, Effects, Stream, null, saturated

RUN_SD = 0.49
"""Run-to-run sd of the mean over 24 items with three samples each."""
LEVEL = 5.0
COMPANION = "margin/target"
COMPANION_LEVEL, COMPANION_SD = -1.0, 0.3
"""Where the companion's values lie is nobody's business: the fit must find out."""
CONFIRM_PROBES = 16
CONFIRM_LEVEL = 0.05
INTERVAL_LEVEL = 1 - 2 * CONFIRM_LEVEL
"""Of the interval that a night reports: two-sided, its lower bound is the test."""
CANDIDATES = 400
"""More than any rule can look at in 120 probes."""
SMOKE_COST = 0.25
"""Price of a smoke run in probes; it shows a collapse and nothing finer."""


PLAIN_NULL = Stream(0, null)
"""Effects add up and saturate, and a probe measures its score alone."""


class SpentError(Exception):
    """A rule asked for a probe that the night no longer has; the rule's last working recipe stands."""


@dataclass(frozen=True)
class Measured:
    """What one probe returns."""

    score: float
    companions: Mapping[str, float] = field(default_factory=dict[str, float])


class Night:
    """One night: what a rule may ask, and what it costs.

    Args:
        effects: True effect of each candidate by itself, in order of proposal.
        probes: Probes of the search; the final test's are not among them.
        rng: Noise of the scores.
        run_sd: Run-to-run sd.
        number: The night's own number, for rules that draw by themselves.
        stream: How effects combine and what else is measured; its effects are not drawn again.
    """

    def __init__(
        self,
        effects: Effects,
        probes: float,
        rng: np.random.Generator,
        run_sd: float = RUN_SD,
        number: int = 0,
        stream: Stream = PLAIN_NULL,
    ) -> None:
        self.effects, self.left, self.run_sd, self.number, self.stream = effects, float(probes), run_sd, number, stream
        self._rng = rng
        # A generator each, so that a variant's scores are its stream's but for what it changes.
        self._pairs_rng, self._own_rng, self._companion_rng = np.random.default_rng([99, number]).spawn(3)
        self._pairs: list[NDArray[np.float64]] = []
        self._companion_effects = self._own_rng.normal(0.0, stream.companion_effect_sd, len(effects))

    @property
    def candidates(self) -> range:
        """Candidates in order of proposal."""
        return range(len(self.effects))

    def probe(self, changes: Collection[int] = ()) -> float:
        """Spend one probe and return the score of the recipe with these changes.

        Raises:
            SpentError: the search has no probe left.
        """
        return self.measure(changes).score

    def measure(self, changes: Collection[int] = ()) -> Measured:
        """Spend one probe and return all that it measures.

        Raises:
            SpentError: the search has no probe left.
        """
        self._spend(1.0)
        return self._measure(changes)

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
        chosen = sorted(changes)
        total = float(self.effects[chosen].sum())
        if self.stream.interaction_sd > 0.0:
            total += sum(float(self._pairs_of(change)[chosen[:i]].sum()) for i, change in enumerate(chosen))
        return saturated(total)

    def confirm(self, changes: Collection[int]) -> Difference | None:
        """Hold the recipe against the baseline on fresh runs, as every night with a change ends."""
        if not changes:
            return None
        half = CONFIRM_PROBES // 2
        final = [self._measure(changes).score for _ in range(half)]
        return welch(final, [self._measure(()).score for _ in range(half)])

    def is_claimed(self, changes: Collection[int]) -> bool:
        """Return whether the final test claims a gain."""
        return claims(self.confirm(changes))

    def _measure(self, changes: Collection[int]) -> Measured:
        noise = float(self._rng.standard_normal())
        score = LEVEL + self.gain(changes) + self.run_sd * noise
        if not self.stream.is_for_companions:
            return Measured(score)
        rho = self.stream.companion_correlation
        other = float(self._companion_rng.standard_normal())
        moved = float(self._companion_effects[list(changes)].sum()) + rho * noise + sqrt(1 - rho**2) * other
        return Measured(score, {COMPANION: COMPANION_LEVEL + COMPANION_SD * moved})

    def _pairs_of(self, change: int) -> NDArray[np.float64]:
        """Return what a change adds to each earlier candidate's; drawn when first asked for."""
        while len(self._pairs) <= change:
            self._pairs.append(self._pairs_rng.normal(0.0, self.stream.interaction_sd, len(self._pairs)))
        return self._pairs[change]

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
    misplaced: int
    """Accepted changes without which the final recipe would be better; differs where effects interact or saturate."""
    claimed: bool
    gain: float
    """True gain of the final recipe."""
    covered: bool | None
    """Whether the reported interval holds the true gain; None: nothing was tested, so none is reported."""

    @property
    def shipped(self) -> float:
        """True gain where the final test claims one, else 0."""
        return self.gain if self.claimed else 0.0


Rule = Callable[[Night], Sequence[int]]
"""Spends a night's search and returns the changes of its final recipe."""


def claims(difference: Difference | None) -> bool:
    """Return whether a final test of this difference claims a gain."""
    return difference is not None and difference.p_above(0.0) <= CONFIRM_LEVEL


def play(rule: Rule, stream: str, budget: int, seed: int, number: int) -> NightResult:
    """Play one night; candidates and their effects are the same for every rule, the noise is its own."""
    kind = STREAMS[stream]
    effects_rng, noise_rng = np.random.default_rng([seed, kind.number, number]).spawn(2)
    effects = kind.draw(effects_rng, CANDIDATES)
    night = Night(effects, budget - CONFIRM_PROBES, noise_rng, number=number, stream=kind)
    changes = rule(night)
    difference, gain = night.confirm(changes), night.gain(changes)
    return NightResult(
        accepted=len(changes),
        harmful=int((night.effects[list(changes)] < 0).sum()),
        misplaced=sum(night.gain([c for c in changes if c != change]) > gain for change in changes),
        claimed=claims(difference),
        gain=gain,
        covered=None if difference is None else covers(difference, gain),
    )


def covers(difference: Difference, truth: float) -> bool:
    """Return whether the interval that a night reports holds the truth."""
    interval = difference.interval(INTERVAL_LEVEL)
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high
