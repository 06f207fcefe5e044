"""The referee over the ledger: every candidate's reading, what should leave the working recipe, what goes to the end.

The fit is `probes.statistics`'; this module says which probes, levels and guards enter it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erfc, sqrt
from statistics import fmean

from agent.evidence import SearchEvidence, night_question, pulled_back, rehearsal_runs
from agent.plan import NightPlan
from agent.schedule import RECIPES_FAULT
from probes.figures import show_chance
from probes.outcome import ProbeStatus
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import Posterior
from probes.statistics.referee import GuardEvidence, failed_reading, read_candidate
from probes.statistics.rows import believed, choose_rows
from probes.statistics.runs import Run
from probes.statistics.verdicts import CandidateReading
from tracking.events import Phase
from tracking.finished import FinishedProbe, Slot
from tracking.night import NightRecord

PHASES: tuple[Phase, ...] = ("smoke", "search")
"""In which a candidate is probed by itself."""
LEAST_ROWS = 4
"""Probes with a change before it is read from chosen rows."""
BROKEN = 0.5
"""P(drop > margin) by its rehearsals alone from which on the final recipe breaks a guard."""
LEAST_FAILED_ROWS = 3
"""Failed rows of a block from which on a change that was in all of them is to blame."""


class Referee:
    """Effects of all changes on the target and every guard, fitted once per look at the ledger.

    Args:
        night: The record.
        plan: The night's plan.
        evidence: What earlier looks of this night took in; None: everything is read anew, with the same result.
    """

    def __init__(self, night: NightRecord, plan: NightPlan, evidence: SearchEvidence | None = None) -> None:
        self._night = night
        self._plan = plan
        self._fits, self._runs = (evidence or SearchEvidence(plan)).look(night, plan)
        self._target = self._fits.effects(plan.target)
        self._guards = {name: self._fits.effects(name) for name in plan.guards}

    @property
    def runs(self) -> Sequence[Run]:
        """The scored probes of calibration and search."""
        return self._runs

    def effect(self, candidate: str) -> Posterior:
        """Return the posterior effect on the target of a candidate that has scores."""
        return self._target.of(candidate)

    def total(self, metric: str, changes: Sequence[str]) -> Posterior:
        """Return the posterior effect of several changes together on the target or a guard."""
        return self._fits.effects(metric).total(changes)

    def noise_sd(self, metric: str) -> float:
        """Return the sd that effects were fitted with: the run-to-run sd and what is allowed for misfit."""
        return self._fits.fitted(metric).noise_sd

    def run_sd(self, metric: str) -> float:
        """Return the run-to-run sd of the target or a guard on the search items, without allowances."""
        return self._fits.run_sd(metric)

    def guard_effect(self, guard: str, candidate: str) -> Posterior:
        """Return the posterior effect of one change on a guard."""
        return self._guards[guard].of(candidate)

    def read(self, candidate: str) -> CandidateReading | None:
        """Return the reading of a candidate; None while it has neither a score nor a final failure."""
        night, plan = self._night, self._plan
        replicates = night.seen[candidate]
        failure = final_failure(night, candidate, plan.max_attempts)
        if failure is not None:
            return failed_reading("reject" if failure.is_recipes_fault else "park", replicates, failure.reason)
        if not replicates:
            return collapsed_smoke(night, plan, candidate)
        if night.design == "rows" and replicates < LEAST_ROWS:
            return None
        together = tuple(dict.fromkeys((*night.accepted, candidate)))  # a sum depends on its order in the last digit
        guards = {
            name: GuardEvidence(self._guards[name].of(candidate), self._guards[name].total(together), margin)
            for name, margin in plan.guards.items()
        }
        rules, looks = reading_rules(night, plan.referee, candidate)
        return read_candidate(self._target.of(candidate), guards, replicates, rules, looks)

    def choose_rows(
        self, live: Sequence[str], count: int, seed: int, allows: Callable[[tuple[str, ...]], bool]
    ) -> list[tuple[str, ...]]:
        """Return the changes of the next `count` probes, those that tell most about the target."""
        prior, noise_sd = night_question(self._plan, self._night).prior, self._fits.fitted(self._plan.target).noise_sd
        return choose_rows(self._target, live, count, noise_sd, prior, seed, allows)

    def shipped(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of `names` that the final recipe may hold, the surest first."""
        rules = self._plan.referee
        return believed(self._target, names, rules.most_harmful, rules.least_belief)

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
                chance = show_chance(f"P(drop > {margin:g})", harm, self._plan.referee.guard_harm)
                return f"later probes show that it breaks {name}: {chance}"
        return None

    def broken_by_rehearsal(self, accepted: Sequence[str]) -> str | None:
        """Return the guard that the final recipe as a whole seems to break, by its own probes alone; None if none.

        The additive fit can miss what changes do only together, so it has no say here: difference of the plain means
        against the baseline's, normal with the fit's noise. With no rehearsal there is nothing to see.
        """
        whole = frozenset(accepted)
        final = rehearsal_runs(self._night, accepted)
        baseline = [run for run in self._runs if not run.changes]
        if not final or not baseline or not whole:
            return None
        harms: dict[str, float] = {}
        for name, margin in self._plan.guards.items():
            difference = fmean(run.metric(name) for run in final) - fmean(run.metric(name) for run in baseline)
            error = self._fits.fitted(name).noise_sd * sqrt(1 / len(final) + 1 / len(baseline))
            harms[name] = 0.5 * erfc((difference + margin) / (error * sqrt(2)))
        worst = max(harms, key=lambda name: harms[name], default=None)
        return worst if worst is not None and harms[worst] > BROKEN else None


def reading_rules(night: NightRecord, rules: RefereeConfig, candidate: str) -> tuple[RefereeConfig, int]:
    """Return the levels of the present design, and how many rounds or blocks a candidate has been in."""
    times = 1 + len(night.revisits.get(candidate, ()))
    if night.blocks:
        limit = rules.max_blocks * times
        levels = {"accept_level": rules.block_accept_level, "worthwhile": rules.block_worthwhile}
        return rules.model_copy(update={**levels, "max_replicates": limit}), night.in_blocks[candidate]
    looks = len(night.scored.get(Slot("search", "candidate", candidate), ()))
    return rules.model_copy(update={"max_replicates": rules.max_replicates * times}), looks


def collapsed_smoke(night: NightRecord, plan: NightPlan, candidate: str) -> CandidateReading | None:
    """Return the rejection of a candidate whose smoke run collapsed; None when it did not, or has not run."""
    own = _smoke_scores(night, Slot("smoke", "candidate", candidate))
    baseline = _smoke_scores(night, Slot("smoke", "baseline"))
    if not own or not baseline:
        return None
    drop = fmean(baseline) - fmean(own)
    if drop <= plan.referee.smoke_drop:
        return None
    return failed_reading("reject", 0, f"its smoke run collapsed: {drop:.2f} points below the baseline's")


class Failure:
    """Why a candidate's probes will not be tried again."""

    def __init__(self, status: ProbeStatus, tries: int, message: str) -> None:
        self.is_recipes_fault = status in RECIPES_FAULT
        self.reason = f"{tries} of its probes ended as {status}" + (f": {message}" if message else "")


def final_failure(night: NightRecord, candidate: str, max_attempts: int) -> Failure | None:
    """Return the failure that ends a candidate: one that its recipe caused, or a crash repeated `max_attempts` times.

    A probe that diverged, ran out of memory or out of time would do so again; a crash may be the machine's. A failed
    row of a block is its change's fault when no row with that change has ever ended well.
    """
    own = [slot for phase in PHASES if (slot := Slot(phase, "candidate", candidate)) in night.failed]
    failed = [probe for slot in own for probe in sorted(night.failed[slot], key=_number)]
    if not night.seen[candidate]:
        rows = _failed_rows(night, candidate)
        failed += rows if len(rows) >= LEAST_FAILED_ROWS else []
    for probe in failed:
        if probe.outcome.status in RECIPES_FAULT:
            same = [p for p in failed if p.outcome.status is probe.outcome.status]
            return Failure(probe.outcome.status, len(same), probe.outcome.message)
    for slot in own:
        tries = {probe.plan.replicate: night.tries(slot, probe.plan.replicate) for probe in night.failed[slot]}
        if max(tries.values(), default=0) >= max_attempts:
            return Failure(ProbeStatus.CRASHED, len(failed), failed[-1].outcome.message)
    return None


def _failed_rows(night: NightRecord, candidate: str) -> list[FinishedProbe]:
    rows = night.failed_rows.get(candidate, ())
    return sorted((probe for probe in rows if probe.outcome.status in RECIPES_FAULT), key=_number)


def _number(probe: FinishedProbe) -> int:
    return probe.plan.number


def _smoke_scores(night: NightRecord, slot: Slot) -> list[float]:
    overall = (probe.overall for probe in night.scored.get(slot, {}).values())
    return [score for score in overall if score is not None]
