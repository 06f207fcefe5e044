"""What the ledger says so far, in the statistics' terms: runs, noise, readings. Reads the record, decides nothing new.

Only probes of the search split enter; the confirmation's probes are kept for the one test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.plan import NightPlan
from probes.aggregation import effective_categories
from probes.figures import show_chance
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import EffectPrior, Posterior, Prior
from probes.statistics.fits import KnownNoise, Question, SearchFits
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run
from probes.statistics.verdicts import EarlierNoise
from tracking.events import Arm
from tracking.finished import FinishedProbe, Slot, comparable
from tracking.night import NightRecord

SEARCH_PHASES = ("calibrate", "search")
"""Probes of full length on the search items."""
EARLIER_NOISE_DF = 20.0
"""Most degrees of freedom that the noise of earlier nights counts: nights differ."""


def as_run(probe: FinishedProbe) -> Run | None:
    """Return a completed probe as a run; None when it failed or a category is unscored."""
    means = probe.means
    if not probe.is_completed or not probe.is_scored:
        return None
    return Run(
        changes=frozenset(probe.plan.changes),
        seed=probe.plan.request.seed,
        categories={name: mean for name, mean in means.items() if mean is not None},
        critical_failures=probe.outcome.critical_failures(),
        weights=probe.plan.request.weights,
        companions=probe.outcome.companions,
        items={item.item: tuple(s for s in item.scores if s is not None) for item in probe.outcome.items},
    )


def search_runs(night: NightRecord) -> list[Run]:
    """Return all scored runs on the search items, by probe number: the order in which they ended changes nothing.

    Rehearsals are left out: gains saturate, and the sum of all changes would tell the additive fit that each is less.
    """
    probes = comparable((p for p in night.probes if is_evidence(p)), "the search's probes")
    return [run for probe in probes if (run := as_run(probe)) is not None]


def is_evidence(probe: FinishedProbe) -> bool:
    """Whether a probe enters the search's fits."""
    return probe.plan.phase in SEARCH_PHASES and probe.plan.arm != "final"


def rehearsal_runs(night: NightRecord, accepted: Sequence[str]) -> list[Run]:
    """Return the scored rehearsals of a final recipe."""
    probes = night.scored.get(Slot("search", "final", changes=tuple(accepted)), {})
    return [run for _, probe in sorted(probes.items()) if (run := as_run(probe)) is not None]


class SearchEvidence:
    """The search's runs and their fits, kept in step with the record: a look costs what is new since the last one.

    What it holds is a function of the record alone, so that a night taken up again decides as it would have gone on.
    """

    def __init__(self, plan: NightPlan) -> None:
        self._plan = plan
        """What the fits were asked; another plan is another question."""
        self._has_blocks = False
        self._fits: SearchFits | None = None
        self._runs: list[Run] = []
        self._taken: list[FinishedProbe] = []
        """Probes of the record up to the last look, in its order."""
        self._highest: FinishedProbe | None = None
        """The probe of the search with the highest number so far."""

    def look(self, night: NightRecord, plan: NightPlan) -> tuple[SearchFits, Sequence[Run]]:
        """Take in the probes that ended since the last look and return fits and runs; another plan starts anew.

        Raises:
            DataError: a probe cannot be compared with the others.
        """
        has_blocks = bool(night.blocks)
        if self._fits is None or (plan, has_blocks) != (self._plan, self._has_blocks) or not self._goes_on(night):
            self._plan, self._has_blocks = plan, has_blocks
            asked = plan if has_blocks else replace(plan, referee=of_single_changes(plan.referee))
            questions = [guard_question(name, asked) for name in plan.guards]
            self._fits = SearchFits([night_question(asked, night), *questions])
            self._runs, self._taken, self._highest = [], [], None
        fresh = night.probes[len(self._taken) :]
        known = [] if self._highest is None else [self._highest]
        searched = [*known, *(probe for probe in fresh if is_evidence(probe))]
        ordered = comparable(searched, "the search's probes")
        runs = [run for probe in ordered[len(known) :] if (run := as_run(probe)) is not None]
        self._fits.take(runs)
        self._runs += runs
        self._taken += fresh
        self._highest = ordered[-1] if ordered else None
        return self._fits, self._runs

    def _goes_on(self, night: NightRecord) -> bool:
        """Whether the record is the one of the last look, and no new probe has a number among those taken in."""
        count = len(self._taken)
        if len(night.probes) < count or (count and night.probes[count - 1] is not self._taken[-1]):
            return False
        searched = (probe for probe in night.probes[count:] if is_evidence(probe))
        return self._highest is None or all(p.plan.number > self._highest.plan.number for p in searched)


def of_single_changes(rules: RefereeConfig) -> RefereeConfig:
    """Return the rules of a night without blocks: one change at a time leaves nothing to allow for."""
    return rules.model_copy(update={"misfit_allowance": 1.0, "misfit_curvature": 0.0})


def confirmation_runs(night: NightRecord, arm: Arm) -> list[Run]:
    """Return the scored confirmation runs of one arm, by probe number."""
    probes = comparable((p for p in night.probes if p.plan.phase == "confirm"), "the confirmation's probes")
    return [run for probe in probes if probe.plan.arm == arm and (run := as_run(probe)) is not None]


def target_question(
    target: str, rules: RefereeConfig, prior: Prior | None = None, earlier: EarlierNoise | None = None
) -> Question:
    """Return what the search asks about the target.

    Args:
        target: Category, or `overall`.
        rules: The session's prior and noise, used where nothing better is known.
        prior: What earlier nights taught about each change's lane.
        earlier: Noise that earlier nights measured.
    """
    own = EffectPrior(rules.prior_mean, rules.prior_sd, rules.prior_tail_df)
    noise = _known_noise(target, rules.assumed_sd, rules, earlier)
    return Question(target, prior or own, noise, rules.misfit_allowance, rules.misfit_curvature, is_paired=True)


def pulled_back(effect: Posterior) -> str | None:
    """Return why an accepted change is no longer believed in; None while it is."""
    better = effect.above(0.0)
    return f"later probes pulled it back: {show_chance('P(effect > 0)', better, 0.5)}" if better < 0.5 else None


def guard_question(name: str, plan: NightPlan) -> Question:
    """Return what the search asks about a guard."""
    rules = plan.referee
    if name == CRITICAL_FAILURES:
        prior, assumed_sd = EffectPrior(0.0, 2 * plan.guards[name]), plan.guards[name]
    else:
        prior = EffectPrior(rules.prior_mean, rules.guard_prior_sd, rules.prior_tail_df)
        assumed_sd = category_noise(plan)
    noise = _known_noise(name, assumed_sd, rules, plan.earlier_fit_noise)
    return Question(name, prior, noise, rules.misfit_allowance, rules.misfit_curvature)


def category_noise(plan: NightPlan) -> float:
    """Return the assumed run-to-run sd of one category; `noise_sd` itself is the target's."""
    is_overall = plan.target == OVERALL
    scale = effective_categories(plan.weights, len(plan.search_items)) ** 0.5 if is_overall else 1.0
    return plan.referee.assumed_sd * scale


def _known_noise(metric: str, assumed_sd: float, rules: RefereeConfig, earlier: EarlierNoise | None) -> KnownNoise:
    sd = earlier.metric_sd.get(metric) if earlier is not None else None
    if earlier is None or not sd:
        return KnownNoise(assumed_sd, rules.noise_weight)
    return KnownNoise(sd, min(EARLIER_NOISE_DF, float(earlier.degrees_of_freedom)))


def night_question(plan: NightPlan, night: NightRecord) -> Question:
    """Return what tonight's search asks about the target; each change has the prior of its lane."""
    own = EffectPrior(plan.referee.prior_mean, plan.referee.prior_sd, plan.referee.prior_tail_df)

    def of_lane(name: str) -> EffectPrior:
        return plan.priors.get(night.candidates[name].change.lane, own)

    return target_question(plan.target, plan.referee, of_lane, plan.earlier_fit_noise)
