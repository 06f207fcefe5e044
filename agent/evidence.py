"""What the ledger says so far, in the statistics' terms: runs, noise, readings. Reads the record, decides nothing new.

Only probes of the search split enter; the confirmation's probes are kept for the one test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agent.plan import NightPlan
from probes.outcome import ProbeStatus
from probes.statistics.config import RefereeConfig
from probes.statistics.noise import estimate_noise, paired_correlation, pooled_sd, regularised_sd
from probes.statistics.race import EffectPrior, Effects, Posterior, fit_effects
from probes.statistics.referee import GuardEvidence, failed_reading, read_candidate
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run, by_recipe
from probes.statistics.verdicts import CandidateReading, Noise
from tracking.events import Arm, Phase
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


def scored_replicates(night: NightRecord, phase: Phase, arm: Arm, candidate: str | None = None) -> set[int]:
    """Return the replicate numbers of an arm that have scores."""
    return {
        probe.plan.replicate
        for probe in night.probes
        if (probe.plan.phase, probe.plan.arm, probe.plan.candidate) == (phase, arm, candidate)
        and as_run(probe) is not None
    }


def measure_noise(night: NightRecord, plan: NightPlan) -> Noise:
    """Return the run-to-run noise pooled over all recipes of the night so far."""
    return estimate_noise(search_runs(night), plan.target)


class Referee:
    """Effects of all changes on the target and every guard, fitted once per look at the ledger."""

    def __init__(self, night: NightRecord, plan: NightPlan) -> None:
        self._night = night
        self._plan = plan
        runs = search_runs(night)
        self._target = target_effects(runs, plan.target, plan.referee)
        self._guards = {name: _guard_effects(runs, name, plan) for name in plan.guards}

    def read(self, candidate: str) -> CandidateReading | None:
        """Return the reading of a candidate; None while it has neither a score nor a final failure."""
        failure = final_failure(self._night, candidate, self._plan.max_attempts)
        replicates = scored_replicates(self._night, "search", "candidate", candidate)
        if failure is not None:
            return failed_reading("reject" if failure.is_recipes_fault else "park", len(replicates), failure.reason)
        if not replicates:
            return None
        together = {*self._night.accepted, candidate}
        guards = {
            name: GuardEvidence(self._guards[name].of(candidate), self._guards[name].total(together), margin)
            for name, margin in self._plan.guards.items()
        }
        return read_candidate(self._target.of(candidate), guards, len(replicates), self._plan.referee)

    def should_leave(self, candidate: str) -> str | None:
        """Return why an accepted change should leave the working recipe; None while it is still believed in.

        Later probes on top of a lucky change pull its posterior back, because all runs are fitted together.
        """
        reason = pulled_back(self._target.of(candidate))
        if reason is not None:
            return reason
        for name, margin in self._plan.guards.items():
            harm = self._guards[name].of(candidate).below(-margin)
            if harm > self._plan.referee.guard_harm:
                return f"later probes show that it breaks {name}: P(drop > {margin:g}) = {harm:.2f}"
        return None


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


def _guard_effects(runs: Sequence[Run], name: str, plan: NightPlan) -> Effects:
    rules = plan.referee
    if name == CRITICAL_FAILURES:
        prior, assumed_sd = EffectPrior(0.0, 2 * plan.guards[name]), plan.guards[name]
    else:
        prior, assumed_sd = (
            EffectPrior(rules.prior_mean, rules.guard_prior_sd, rules.prior_tail_df),
            category_noise(plan),
        )
    return fit_effects(runs, name, prior, _spread(runs, name, assumed_sd, rules))


def category_noise(plan: NightPlan) -> float:
    """Return the assumed run-to-run sd of one category; `noise_sd` itself is the target's."""
    scale = len(plan.search_items) ** 0.5 if plan.target == OVERALL else 1.0
    return plan.referee.noise_sd * scale


def _spread(runs: Sequence[Run], metric: str, assumed_sd: float, rules: RefereeConfig) -> float:
    df = sum(len(group) - 1 for group in by_recipe(runs).values())
    return regularised_sd(pooled_sd(runs, metric), df, assumed_sd, rules.noise_weight)


class Failure:
    """Why a candidate's probes will not be tried again."""

    def __init__(self, status: ProbeStatus, tries: int, message: str) -> None:
        self.is_recipes_fault = status is not ProbeStatus.CRASHED
        self.reason = f"{tries} of its probes ended as {status}" + (f": {message}" if message else "")


def final_failure(night: NightRecord, candidate: str, max_attempts: int) -> Failure | None:
    """Return the failure that ends a candidate: one that its recipe caused, or a crash repeated `max_attempts` times.

    A probe that diverged, ran out of memory or out of time would do so again; a crash may be the machine's.
    """
    failed = [p for p in night.probes if p.plan.candidate == candidate and not p.is_completed]
    for probe in failed:
        if probe.outcome.status is not ProbeStatus.CRASHED:
            same = [p for p in failed if p.outcome.status is probe.outcome.status]
            return Failure(probe.outcome.status, len(same), probe.outcome.message)
    crashes = Counter(probe.plan.replicate for probe in failed)
    if crashes and max(crashes.values()) >= max_attempts:
        return Failure(ProbeStatus.CRASHED, len(failed), failed[-1].outcome.message)
    return None


def attempts(night: NightRecord, phase: Phase, arm: Arm, candidate: str | None, replicate: int) -> int:
    """Return how often this replicate was tried and ended without scores."""
    wanted = (phase, arm, candidate, replicate)
    return sum(
        1
        for p in night.probes
        if (p.plan.phase, p.plan.arm, p.plan.candidate, p.plan.replicate) == wanted and as_run(p) is None
    )


def live_candidates(night: NightRecord) -> list[str]:
    """Return the ids of candidates that still want replicates, in order of proposal."""
    return [name for name in night.candidates if _is_live(night.readings.get(name, ()))]


def _is_live(readings: Sequence[CandidateReading]) -> bool:
    return not readings or readings[-1].decision == "more"


def _usable(correlation: float | None) -> float:
    return correlation if correlation is not None and correlation >= LEAST_PAIRS_CORRELATION else 0.0
