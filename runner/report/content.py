"""From a night to its report: which sections there are, in which order, and what stands at the top."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probes.statistics.bottleneck import Bottleneck
from runner.report.account import artifacts_section, cost_section, reproduction_section, trouble_section
from runner.report.blocks import Outcome, Report, Section
from runner.report.conditions import data_section, space_section
from runner.report.design import design_section
from runner.report.earlier import earlier_section
from runner.report.findings import candidates_section, claim_section
from runner.report.fragile import fragile_section
from runner.report.invalidated import invalidated_section
from runner.report.journal import data_bottlenecks, journal_section
from runner.report.measurement import measurement_section
from runner.report.negatives import negatives_section
from runner.report.noise import noise_section
from runner.report.policy import policy_section
from runner.report.proposers import proposers_section
from runner.report.scores import scores_section
from runner.report.sensitivity import sensitivity_section
from runner.report.side_by_side import answers_section
from runner.report.tomorrow import advice, recommendation, tomorrow_section
from runner.report.words import words_section
from tracking.events import SessionStarted
from tracking.figures import MISSING, show, show_count
from tracking.headline import design_in_words, headline, stopping_check, taken_in_words
from tracking.night import NightRecord


def build_report(
    night: NightRecord, files: Sequence[tuple[str, float, str]] = (), stuck: Sequence[Bottleneck] | None = None
) -> Report:
    """Return the report of a night, finished or not.

    Args:
        night: the replayed ledger.
        files: name, size in MiB and digest of the files that lie beside the report.
        stuck: the categories that no lane moved, where they are known already.
    """
    stuck = data_bottlenecks(night) if stuck is None else stuck
    given = advice(night, stuck)
    measured = measurement_section(night)
    sections: list[Section | None] = [
        claim_section(night),
        tomorrow_section(given),
        invalidated_section(night),
        space_section(night),
        policy_section(night),
        candidates_section(night),
        sensitivity_section(night),
        fragile_section(night),
        negatives_section(night),
        journal_section(night, stuck),
        proposers_section(night),
        design_section(night),
        scores_section(night),
        answers_section(night),
        measured,
        noise_section(night),
        earlier_section(night),
        data_section(night),
        trouble_section(night),
        cost_section(night),
        reproduction_section(night),
        artifacts_section(night, files),
    ]
    if stopping_check(night) is not None:
        sections.insert(2, sections.pop(sections.index(measured)))
    top = (headline(night), taken_in_words(night))
    facts = tuple(_facts(night))
    told = [section for section in sections if section is not None and section.blocks]
    words = words_section(night, told, (*top, *(value for _, value in facts)))
    return Report(
        title=f"Night report: {session_name(night.started)}",
        headline=top[0],
        lede=(top[1], f"Tomorrow: {recommendation(given)}"),
        outcome=_outcome(night),
        facts=facts,
        beside=_beside(night),
        sections=tuple([*told[:2], *([words] if words is not None else []), *told[2:]]),
    )


def _outcome(night: NightRecord) -> Outcome:
    if night.claim is None:
        return "unfinished" if stopping_check(night) is None else "stopped"
    return "confirmed" if night.claim.confirmed else "not confirmed"


def _beside(night: NightRecord) -> tuple[tuple[str, str], ...]:
    """Return the other files of the folder; the page that leads to MLflow only where the night was copied there."""
    config = night.started.config if night.started else {}
    is_mirrored = config.get("tracking", {}).get("mlflow", False)
    mlflow = (("this night in MLflow", "mlflow.html"),) if is_mirrored else ()
    return (*mlflow, ("a row per probe", "results.tsv"), ("figures for machines", "summary.json"))


def session_name(started: SessionStarted | None) -> str:
    """Return the session's id."""
    return started.session if started else "unknown session"


def _facts(night: NightRecord) -> list[tuple[str, str]]:
    whole = [probe for probe in night.probes if probe.plan.is_whole]
    scored = sum(probe.is_completed for probe in whole)
    lost = len(whole) - scored + len(night.open_plans)
    short = Counter(probe.plan.phase for probe in night.probes if not probe.plan.is_whole)
    probes = f"{show(scored, 'count')} scored" + (f", {show(lost, 'count')} not" if lost else "")
    probes += f"; {show_count(short['control'], 'control')}" if short["control"] else ""
    probes += f"; {show_count(short['smoke'], 'smoke run')}" if short["smoke"] else ""
    reason = night.stopped.stop_reason if night.stopped else "not ended"
    facts = [("Target", night.target), ("Probes", probes)]
    if night.power is not None:
        facts.append(("Smallest visible gain", f"{show(night.power.target_resolvable, 'margin')} points"))
    if night.invalidated:
        facts.append(("Invalidated", show_count(len(night.invalidated), "probe")))
    accepted = show(len(night.accepted), "count")
    facts.append(("Candidates", f"{show(len(night.candidates), 'count')} tried, {accepted} accepted"))
    design = design_in_words(night)
    facts += [("Design", design)] if design else []
    facts.append(("Started", f"{night.first_at[:16].replace('T', ' ')} UTC" if night.first_at else MISSING))
    facts.append(("Ended", reason))
    return facts
