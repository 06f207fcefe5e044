"""What the ledger says so far, in the statistics' terms: runs, noise, readings. Reads the record, decides nothing new.

Only probes of the search split enter; the confirmation's probes are kept for the one test.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.plan import NightPlan
from probes.statistics.config import RefereeConfig
from probes.statistics.noise import estimate_noise, paired_correlation, pooled_sd, regularised_sd
from probes.statistics.race import EffectPrior, Effects, Posterior, fit_effects
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run, by_recipe
from probes.statistics.verdicts import Noise
from tracking.events import Arm
from tracking.night import FinishedProbe, NightRecord, comparable

LEAST_PAIRS_CORRELATION = 0.2
"""Same-seed pairing is used only when runs with equal seeds were seen to move together."""


def as_run(probe: FinishedProbe) -> Run | None:
    """Return a completed probe as a run; None when it failed or a category is unscored."""
    means = probe.outcome.category_means()
    if not probe.is_completed or not means or any(mean is None for mean in means.values()):
        return None
    return Run(
        changes=frozenset(probe.plan.changes),
        seed=probe.plan.request.seed,
        categories={name: mean for name, mean in means.items() if mean is not None},
        critical_failures=probe.outcome.critical_failures(),
        companions=probe.outcome.companions,
        items={item.item: tuple(s for s in item.scores if s is not None) for item in probe.outcome.items},
    )


def search_runs(night: NightRecord) -> list[Run]:
    """Return all scored runs on the search items, by probe number: the order in which they ended changes nothing."""
    probes = comparable((p for p in night.probes if p.plan.phase in ("calibrate", "search")), "the search's probes")
    return [run for probe in probes if (run := as_run(probe)) is not None]


def confirmation_runs(night: NightRecord, arm: Arm) -> list[Run]:
    """Return the scored confirmation runs of one arm, by probe number."""
    probes = comparable((p for p in night.probes if p.plan.phase == "confirm"), "the confirmation's probes")
    return [run for probe in probes if probe.plan.arm == arm and (run := as_run(probe)) is not None]


def measure_noise(night: NightRecord, plan: NightPlan) -> Noise:
    """Return the run-to-run noise pooled over all recipes of the night so far."""
    return estimate_noise(search_runs(night), plan.target)


def target_effects(runs: Sequence[Run], target: str, rules: RefereeConfig) -> Effects:
    """Return the effects of all changes on the target, with the noise and the seed correlation that the runs show."""
    return fit_effects(
        runs,
        target,
        EffectPrior(rules.prior_mean, rules.prior_sd, rules.prior_tail_df),
        _spread(runs, target, rules.noise_sd, rules),
        _usable(paired_correlation(runs, target)),
    )


def pulled_back(effect: Posterior) -> str | None:
    """Return why an accepted change is no longer believed in; None while it is."""
    better = effect.above(0.0)
    return f"later probes pulled it back: P(effect > 0) = {better:.2f}" if better < 0.5 else None


def guard_effects(runs: Sequence[Run], name: str, plan: NightPlan) -> Effects:
    """Return the effects of all changes on a guard."""
    rules = plan.referee
    if name == CRITICAL_FAILURES:
        prior = EffectPrior(0.0, 2 * plan.guards[name])
    else:
        prior = EffectPrior(rules.prior_mean, rules.guard_prior_sd, rules.prior_tail_df)
    return fit_effects(runs, name, prior, guard_spread(runs, name, plan))


def guard_spread(runs: Sequence[Run], name: str, plan: NightPlan) -> float:
    """Return the run-to-run sd of a guard: what the runs show, moderated by what is assumed."""
    assumed = plan.guards[name] if name == CRITICAL_FAILURES else category_noise(plan)
    return _spread(runs, name, assumed, plan.referee)


def category_noise(plan: NightPlan) -> float:
    """Return the assumed run-to-run sd of one category; `noise_sd` itself is the target's."""
    scale = len(plan.search_items) ** 0.5 if plan.target == OVERALL else 1.0
    return plan.referee.noise_sd * scale


def _spread(runs: Sequence[Run], metric: str, assumed_sd: float, rules: RefereeConfig) -> float:
    df = sum(len(group) - 1 for group in by_recipe(runs).values())
    return regularised_sd(pooled_sd(runs, metric), df, assumed_sd, rules.noise_weight)


def _usable(correlation: float | None) -> float:
    return correlation if correlation is not None and correlation >= LEAST_PAIRS_CORRELATION else 0.0
