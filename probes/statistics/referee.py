"""From posteriors to a candidate's reading: accept, reject, more or park, with the reason in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probes.figures import show, show_chance
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import Posterior
from probes.statistics.verdicts import CandidateReading, Decision, GuardReading, GuardState, Interval, Verdict


@dataclass(frozen=True)
class GuardEvidence:
    """A candidate's effect on one guard."""

    own: Posterior
    """Effect of the change by itself."""
    total: Posterior
    """Effect of all accepted changes and this one against the baseline: what the confirmation will test."""
    margin: float
    """Non-inferiority margin."""


def read_candidate(
    target: Posterior,
    guards: Mapping[str, GuardEvidence],
    replicates: int,
    rules: RefereeConfig,
    looks: int | None = None,
) -> CandidateReading:
    """Judge a candidate by its posterior effect on the target and on every guard.

    Args:
        target: Effect on the target.
        guards: Guard → what is known of it.
        replicates: Completed probes of the candidate, at least 1.
        rules: Levels and limits.
        looks: Rounds or blocks it was in, of which `rules.max_replicates` are the most; None: its replicates.
    """
    looks = replicates if looks is None else looks
    readings = {name: read_guard(evidence, rules) for name, evidence in guards.items()}
    better, worthwhile = target.above(0.0), target.above(rules.worthwhile)
    decision, reason = _decide(better, worthwhile, readings, replicates, looks >= rules.max_replicates, rules)
    low, high = target.interval()
    return CandidateReading(
        decision=decision,
        verdict=_verdict(low, high, rules),
        replicates=replicates,
        effect=target.mean,
        interval=Interval(low=low, high=high),
        better_probability=better,
        worthwhile_probability=worthwhile,
        guards=readings,
        reason=reason,
    )


def read_guard(evidence: GuardEvidence, rules: RefereeConfig) -> GuardReading:
    """Judge one guard: safe, harmful, or unresolved (more replicates are worth their price)."""
    harm = max(evidence.own.below(-evidence.margin), evidence.total.below(-evidence.margin))
    state: GuardState = "safe" if harm < rules.guard_risk else "harmful" if harm > rules.guard_harm else "unresolved"
    low, high = evidence.own.interval()
    return GuardReading(
        state=state,
        effect=evidence.own.mean,
        interval=Interval(low=low, high=high),
        total=evidence.total.mean if evidence.total != evidence.own else None,
        harm_probability=harm,
        margin=evidence.margin,
    )


def failed_reading(decision: Decision, replicates: int, reason: str) -> CandidateReading:
    """Return the reading of a candidate whose probes left no scores to judge."""
    return CandidateReading(
        decision=decision,
        verdict="inconclusive",
        replicates=replicates,
        effect=None,
        interval=Interval(low=None, high=None),
        better_probability=None,
        worthwhile_probability=None,
        guards={},
        reason=reason,
    )


def _decide(
    better: float,
    worthwhile: float,
    guards: Mapping[str, GuardReading],
    replicates: int,
    is_last: bool,
    rules: RefereeConfig,
) -> tuple[Decision, str]:
    harmed = [name for name, guard in guards.items() if guard.state == "harmful"]
    unresolved = [name for name, guard in guards.items() if guard.state == "unresolved"]
    if harmed:
        gain = "helps the target but " if better >= rules.accept_level else ""
        return "reject", f"{gain}breaks {_listed(guards, harmed)}"
    if worthwhile < rules.reject_level:
        chance = show_chance(f"P(effect > {rules.worthwhile:g})", worthwhile, rules.reject_level)
        return "reject", f"{chance}, below {rules.reject_level:g}"
    if better >= rules.accept_level and not unresolved:
        return "accept", f"{show_chance('P(effect > 0)', better)}, every guard safe"
    open_question = (
        f"guard unresolved: {_listed(guards, unresolved)}"
        if unresolved
        else show_chance("P(effect > 0)", better, rules.accept_level)
    )
    if is_last:
        return "park", f"{open_question} after {replicates} replicates"
    return "more", open_question


def _verdict(low: float, high: float, rules: RefereeConfig) -> Verdict:
    if low > 0:
        return "superior"
    if high < 0:
        return "inferior"
    return "non-inferior" if low > -rules.worthwhile else "inconclusive"


def _listed(guards: Mapping[str, GuardReading], names: list[str]) -> str:
    return ", ".join(f"{name} ({_fall(guards[name])}, margin {show(guards[name].margin, 'margin')})" for name in names)


def _fall(guard: GuardReading) -> str:
    if guard.total is None or guard.effect is None or guard.total > guard.effect:
        return show(guard.effect, "effect")
    return f"{show(guard.total, 'effect')} with all that was accepted, {show(guard.effect, 'effect')} by itself"
