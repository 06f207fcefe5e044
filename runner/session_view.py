"""How a session is shown before, during and after its night: check, status, what was invalidated."""

from __future__ import annotations

from probes.statistics.verdicts import PowerTable
from runner.check import Check
from runner.folder import SessionFolder
from runner.invalidate import Marked
from runner.presence import who
from runner.tables import View, plain_table
from tracking.commands import command
from tracking.figures import MISSING, show, show_count, show_effect
from tracking.headline import change_in_words, cost_in_words, design_in_words, headline, probe_in_words
from tracking.memory.words import knowledge_in_words
from tracking.night import NightRecord
from tracking.summary import INTERRUPTED, probe_counts


def power_view(power: PowerTable) -> View:
    """Return the power table, what its columns mean, its sentence and where the noise comes from."""
    table = plain_table(("category", "role", "items", "noise sd", "margin", "resolvable", "passes"))
    for row in power.categories:
        table.add_row(
            row.category,
            row.role,
            f"{row.items_search}/{row.items_held_out}" + ("*" if row.directional else ""),
            show(row.sd_search, "score"),
            show(row.margin, "margin"),
            show(row.resolvable, "margin"),
            show(row.pass_probability, "chance"),
        )
    legend = [
        "items: search/held out; noise sd: of one probe, between train seeds;",
        "resolvable: smallest true change seen four times in five; passes: when unchanged",
    ]
    if any(row.directional for row in power.categories):
        legend.append("* fewer than 7 items: directional, no claim may rest on it")
    return [table, *legend, "", power.sentence, power.noise_words or f"Noise: {power.noise_source}."]


def check_view(check: Check) -> View:
    """Return what the check found: power, searched space, warnings, problems."""
    space = plain_table(("lane", "knob", "range"))
    for lane, knobs in check.prepared.space.items():
        for knob, words in knobs.items():
            space.add_row(lane, knob, words)
    ahead = check.preflight
    view = [*power_view(ahead.power), "", space, ""]
    if ahead.earlier is not None:
        view.append(f"earlier nights: {knowledge_in_words(ahead.earlier)}")
    view += [f"warning: {warning}" for warning in ahead.warnings]
    if not ahead.problems:
        view.append(f"{check.config.name} is valid: {_outlook(ahead.power)}.")
    return view


def _outlook(power: PowerTable) -> str:
    if any(row.directional and row.role == "target" for row in power.categories):
        return "the night can show a direction, and claim nothing"
    return "the night can conclude"


def status_view(folder: SessionFolder, night: NightRecord, state: str) -> View:
    """Return where a session stands."""
    by_status = probe_counts(night)
    if state == "running":
        by_status["running"] = by_status.pop(INTERRUPTED)
        state += f" ({who(folder.path)})"
    counts = ", ".join(f"{count} {name}" for name, count in by_status.items() if count)
    facts = [
        f"{folder.path.name}: {state}, {show(night.active_s, 'duration')}{'' if state == 'finished' else ' so far'}",
        f"probes: {counts or 'none'}",
        f"cost: {cost_in_words(night)}",
        f"raising {night.target}"
        + (f", noise sd {show(night.noise.target_sd, 'score')}" if night.noise is not None else ""),
    ]
    facts += [f"invalidated: {show_count(len(mark.numbers), 'probe')} {mark.words}" for mark in night.invalidations]
    if night.noise is not None and night.noise.advice is not None and night.noise.advice.sentence:
        facts.append(f"advice: {night.noise.advice.sentence}")
    if night.designs:
        facts.append(f"search: {design_in_words(night)}; {night.designs[-1].reason}")
    view: View = list(facts)
    if night.candidates:
        table = plain_table(("candidate", "lane", "change", "decision", "effect"))
        for candidate in night.candidates.values():
            reading = night.reading(candidate.id)
            table.add_row(
                candidate.id,
                candidate.change.lane,
                change_in_words(candidate.change),
                reading.decision if reading else MISSING,
                show_effect(reading.effect, reading.interval) if reading else MISSING,
            )
        view += ["", table]
    view += [f"warning, {warning.subject}: {warning.message}" for warning in night.warnings]
    return [*view, "", headline(night)]


def marked_view(marked: Marked, dry_run: bool) -> View:
    """Return what `nightlab invalidate` marked, or would mark, and what becomes of the night."""
    view: View = []
    if dry_run:
        table = plain_table(("probe", "question", "ended", "score"))
        for probe in marked.probes:
            words = probe_in_words(marked.before, probe.plan)
            score = probe.metric(marked.before.target)
            table.add_row(f"#{probe.plan.number}", f"{probe.plan.phase}: {words}", probe.at[:19], show(score, "score"))
        view += [table, ""]
    before, after = marked.before, marked.after
    probes = show_count(len(marked.mark.numbers), "probe")
    view.append(f"{probes} {'would be ' if dry_run else ''}invalidated {marked.mark.words}: {marked.mark.which}")
    view.append(
        f"The night goes back from {show_count(len(before.probes), 'probe')}, {len(before.candidates)} candidates and "
        f"{len(before.accepted)} accepted changes to {len(after.probes)}, {len(after.candidates)} and "
        f"{len(after.accepted)}."
    )
    if marked.learners:
        view.append(f"These sessions learned from it and keep what they learned: {', '.join(marked.learners)}.")
    if dry_run:
        claimed = [f"It would withdraw: {headline(before)}"] if before.claim else []
        return [*view, *claimed, "Nothing was changed; the same command without --dry-run marks them."]
    return [*view, headline(after), f"Go on with `{command('resume', marked.folder.path)}`: it measures them anew."]
