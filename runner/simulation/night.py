"""One simulated night of a session: its budget, noise, levels and guards on a stream of changes whose truth is known.

The search is the project's own, on simulated scores of the target; the end is the project's own confirmation on
simulated scores of every category. What is not simulated: which changes the lanes would propose (the streams stand for
them), guards during the search (no stream changes them, short of a collapse), failures, hours, critical failures. The
confirmation is as large as a night makes it whose recipe leaves every guard where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import sqrt

import numpy as np

from agent.assurance import grown_confirmation
from agent.noise import planned_noise
from agent.plan import NightPlan
from probes.statistics.assurance import chance_of_passing
from probes.statistics.config import RefereeConfig
from probes.statistics.confirmation import confirm, no_claim
from probes.statistics.effects import Posterior
from probes.statistics.power import is_directional
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run
from probes.statistics.verdicts import Claim
from runner.bench.nights import CANDIDATES, LEVEL, Measured, Night, Rule
from runner.bench.own_night import our_night
from runner.bench.streams import COLLAPSE, STREAMS, Stream

UNMOVED = Posterior(0.0, 1e-9)
"""What is believed of a guard that no change has moved."""


@dataclass(frozen=True)
class Setting:
    """What a simulated night takes from its session; plain values that travel to other processes."""

    target: str
    guards: Mapping[str, float]
    """Guard categories → margin."""
    rules: RefereeConfig
    probes: int
    """Budget, confirmation included."""
    confirm_probes: int
    """Of the smallest confirmation."""
    level: float
    """Of the one claim."""
    search_sd: float
    """Run-to-run sd of the target on the search items."""
    held_out_sd: Mapping[str, float]
    """Category → run-to-run sd on the held-out items."""
    shared_sd: float
    """Part of these that all categories of one run share."""
    is_directional: bool
    """Too few held-out items of the target to claim anything."""
    seed: int
    weights: Mapping[str, float] | None = None
    """Category → its share of `overall`; None: all count the same."""

    @cached_property
    def confirmation(self) -> int:
        """Probes of the confirmation: as many as a night keeps whose changes have moved no guard.

        A night goes by what it has measured of its guards; where a change costs one of them it keeps more.
        """
        level, tests = self.rules.confirm_level, [(-self.guards[name], self.held_out_sd[name]) for name in self.guards]

        def chance(probes: int) -> float:
            found = (chance_of_passing(UNMOVED, bar, sd, probes // 2, level) for bar, sd in tests)
            return min(found, default=1.0)

        return grown_confirmation(self.confirm_probes, self.probes, chance)


@dataclass(frozen=True)
class Played:
    """How one simulated night ended."""

    claimed: bool
    gain: float
    """True gain of the final recipe in the target."""
    accepted: int
    harmful: int
    """Accepted changes whose own effect is below zero."""
    tried: int
    """Changes that were in at least one probe."""
    worthwhile: int
    """Of these, changes whose own effect is worth having."""
    found: int
    """Of these, changes in the final recipe."""

    @property
    def shipped(self) -> float:
        """True gain where the night claims one, else 0."""
        return self.gain if self.claimed else 0.0


def setting_of(plan: NightPlan) -> Setting:
    """Return what a simulation needs of a night's plan."""
    noise = planned_noise(plan)
    counts = plan.held_out_items
    target_items = sum(counts.values()) if plan.target == OVERALL else counts.get(plan.target, 0)
    rules = plan.referee
    return Setting(
        target=plan.target,
        guards={name: margin for name, margin in plan.guards.items() if name != CRITICAL_FAILURES},
        # The night assumes of its noise what the simulation draws; calibration then measures it.
        rules=rules.model_copy(update={"noise_sd": noise.search.target}),
        probes=plan.budget_probes,
        confirm_probes=plan.confirm_probes,
        level=plan.level,
        search_sd=noise.search.target,
        held_out_sd=noise.held_out.categories,
        shared_sd=noise.shared_sd,
        is_directional=is_directional(target_items),
        seed=plan.seed,
        weights=plan.weights,
    )


def search_rule(rules: RefereeConfig) -> Rule:
    """Return how the session searches: from a simulated night to the changes of its final recipe."""
    return partial(our_night, rules=rules)


def play_night(setting: Setting, stream: str, number: int) -> Played:
    """Play night `number` on a stream; equal arguments give equal nights on any machine."""
    kind = STREAMS[stream]
    seeds = np.random.default_rng([setting.seed, kind.number, number])
    effects_rng, noise_rng, end_rng = seeds.spawn(3)
    night = _WatchedNight(setting, kind, effects_rng, noise_rng, number)
    changes = tuple(search_rule(setting.rules)(night))
    claim = _end(setting, night, changes, end_rng)
    worthwhile = {change for change in night.tried if night.effects[change] >= setting.rules.worthwhile}
    own = night.effects[list(changes)]
    return Played(
        claimed=claim.confirmed,
        gain=night.gain(changes),
        accepted=len(changes),
        harmful=int((own < 0).sum()),
        tried=len(night.tried),
        worthwhile=len(worthwhile),
        found=len(worthwhile & set(changes)),
    )


class _WatchedNight(Night):
    """A night that notes which changes were tried."""

    def __init__(
        self, setting: Setting, stream: Stream, effects: np.random.Generator, noise: np.random.Generator, number: int
    ) -> None:
        search = setting.probes - setting.confirmation
        super().__init__(stream.draw(effects, CANDIDATES), search, noise, setting.search_sd, number, stream)
        self.tried: set[int] = set()

    def measure(self, changes: Collection[int] = ()) -> Measured:
        """Spend one probe and note its changes."""
        measured = super().measure(changes)
        self.tried.update(changes)
        return measured


def _end(setting: Setting, night: Night, changes: Collection[int], rng: np.random.Generator) -> Claim:
    """Hold the final recipe against the baseline on fresh runs of the held-out items."""
    if not changes:
        return no_claim("no change was accepted", setting.level)
    half = setting.confirmation // 2
    collapses = sum(night.effects[change] <= COLLAPSE for change in changes)
    shift = dict.fromkeys(setting.held_out_sd, COLLAPSE * collapses)
    raised = shift if setting.target == OVERALL else {setting.target}
    shift.update(dict.fromkeys(raised, night.gain(changes)))
    baseline = [_run(setting, seed, {}, rng) for seed in range(half)]
    final = [_run(setting, half + seed, shift, rng) for seed in range(half)]
    claim = confirm(baseline, final, setting.target, setting.guards, setting.level)
    return claim.model_copy(update={"confirmed": claim.confirmed and not setting.is_directional})


def _run(setting: Setting, seed: int, shift: Mapping[str, float], rng: np.random.Generator) -> Run:
    """Return one run's scores: what all categories share, and what each has by itself."""
    shared = setting.shared_sd * rng.standard_normal()
    scores = {
        name: LEVEL + shift.get(name, 0.0) + shared + sqrt(sd**2 - setting.shared_sd**2) * rng.standard_normal()
        for name, sd in setting.held_out_sd.items()
    }
    return Run(frozenset(), seed, {name: float(score) for name, score in scores.items()}, weights=setting.weights)
