"""What commands print on standard output: tables and sentences for people. Machines use `--json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from probes.aggregation import Weights, aggregation_in_words
from probes.outcome import ItemScores, ProbeOutcome
from probes.statistics.verdicts import PowerTable
from runner.check import Check, EarlierProbe
from runner.config import CONTROL_PROBES, SessionConfig
from runner.folder import SessionFolder
from runner.invalidate import Marked
from tracking.figures import MISSING, show, show_count, show_effect
from tracking.headline import change_in_words, cost_in_words, design_in_words, headline, probe_in_words
from tracking.memory.words import knowledge_in_words
from tracking.night import NightRecord
from tracking.summary import probe_counts

if TYPE_CHECKING:
    from runner.measure import Comparison, ModeResult

View = list[RenderableType]
"""Tables and lines, from top to bottom."""
NO_TERMINAL_WIDTH = 140
_WORDS = (
    "role",
    "lane",
    "knob",
    "change",
    "range",
    "decision",
    "effect",
    "question",
    "ended",
    "category",
    "difficulty",
    "session",
    "target",
    "state",
    "since",
    "by",
    "reason",
)
_MAY_WRAP = ("range", "reason")


def show_view(view: View) -> None:
    """Print a view on standard output; only a terminal gets its lines broken, so that any other can be searched."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = NO_TERMINAL_WIDTH
    for part in view:
        if isinstance(part, str):
            console.print(Text(part), soft_wrap=not console.is_terminal)
        else:
            console.print(part)


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
            show(row.pass_probability, "share"),
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
    for lane, knobs in check.space.items():
        for knob, words in knobs.items():
            space.add_row(lane, knob, words)
    view = [*power_view(check.preflight.power), "", space, ""]
    if check.earlier is not None:
        view.append(f"earlier nights: {knowledge_in_words(check.earlier)}")
    view += [f"warning: {warning}" for warning in check.warnings]
    if not check.preflight.problems:
        view.append(f"{check.config.name} is valid: {_outlook(check.preflight.power)}.")
    return view


def _outlook(power: PowerTable) -> str:
    if any(row.directional and row.role == "target" for row in power.categories):
        return "the night can show a direction, and claim nothing"
    return "the night can conclude"


def plan_view(config: SessionConfig, workers: int, known: EarlierProbe | None) -> View:
    """Return how the night would spend its budget, how long it would take and what it would cost.

    Args:
        config: The session.
        workers: Probes that run at the same time.
        known: What a probe took in an earlier session of this name.
    """
    budget, referee = config.budget, config.referee
    search = budget.probes - referee.calibration_runs - budget.confirm_probes
    table = plain_table(("phase", "probes at most", "time", "cost"))
    phases = (("calibrate", referee.calibration_runs), ("search", search), ("confirm", budget.confirm_probes))
    for name, probes in (*phases, ("all", budget.probes)):
        seconds = None if known is None else known.seconds * -(-probes // workers)
        usd = None if known is None or known.usd is None else known.usd * probes
        table.add_row(name, str(probes), show(seconds, "duration"), show(usd, "usd"))
    words = [f"{workers} workers, {config.probe.steps} steps per probe."]
    if known is None:
        words.append("No earlier session of this name tells how long a probe takes; `nightlab probe` does.")
    else:
        words.append(f"A probe took {show(known.seconds, 'duration')} in the latest session of this name.")
    if budget.hours is not None:
        words.append(f"The night ends after {budget.hours:g} h at the latest.")
    words.append(_dollars_in_words(config, known))
    return [table, "", " ".join(words), ""]


def _dollars_in_words(config: SessionConfig, known: EarlierProbe | None) -> str:
    budget = config.budget
    if budget.rates.device_hour is None:
        return "Dollars are not counted: `budget.rates.device_hour` names no rate."
    rate = f"An hour of a device costs {show(budget.rates.device_hour, 'usd')}"
    if known is None or known.usd is None:
        rate += "; what a probe will cost is not known before the first one, so nothing is kept back until then"
    else:
        rate += f", a probe about {show(known.usd, 'usd')}"
    if budget.usd is None:
        return f"{rate}. Dollars are counted and not limited (`budget.usd`)."
    words = f"{rate}. The night ends at {show(budget.usd, 'usd')}, the confirmation's share kept back."
    controls = CONTROL_PROBES if config.referee.controls else 0
    least = controls + config.referee.calibration_runs + budget.confirm_probes + 1
    if known is not None and known.usd is not None and least * known.usd > budget.usd:
        words += f" That does not pay for calibration, one candidate and confirmation: {least} probes are about "
        words += f"{show(least * known.usd, 'usd')}; raise `budget.usd`."
    return words


def scores_view(outcome: ProbeOutcome, weights: Weights | None = None) -> View:
    """Return a probe's scores per category, and beside them how many answers came at all: that is no score."""
    table = plain_table(("category", "items", "answered", "score"))
    means = outcome.category_means()
    for category, mean in means.items():
        items = [item for item in outcome.items if item.category == category]
        table.add_row(category, str(len(items)), answered_in_words(items), show(mean, "score"))
    table.add_section()
    overall = show(outcome.overall(weights), "score")
    table.add_row("overall", str(len(outcome.items)), answered_in_words(outcome.items), overall)
    words = f"overall: {aggregation_in_words(weights)}; " if weights is not None else ""
    words += f"{outcome.critical_failures()} critical failures, {show(outcome.seconds, 'duration')}"
    if outcome.training is not None:
        loss, margin = outcome.training.final_loss, outcome.training.reward_margin
        words += f", final loss {_number(loss)}, reward margin {_number(margin)}"
    return [table, "", words]


def answered_in_words(items: Iterable[ItemScores]) -> str:
    """Return how many of the wanted answers came, `23/24`; a dash where the record does not say."""
    items = tuple(items)
    known = [item.answered for item in items if item.answered is not None]
    return f"{sum(known)}/{sum(len(item.scores) for item in items)}" if len(known) == len(items) else MISSING


def comparison_view(comparison: Comparison) -> View:
    """Return an adapter's scores in each mode, and the difference of each from the first."""
    first, *others = comparison.results
    table = plain_table(("category", "items", first.mode, *(other.mode for other in others)))
    counts = Counter(item.category for item in first.outcome.items)
    for name, mean in first.outcome.category_means().items():
        cells = [_against(comparison, other, name) for other in others]
        table.add_row(name, str(counts[name]), show(mean, "score"), *cells)
    table.add_section()
    items, overall = str(len(first.outcome.items)), first.overall
    changed = [_changed(other.overall, overall) for other in others]
    table.add_row("overall", items, show(overall, "score"), *changed)
    failures = [result.outcome.critical_failures() for result in comparison.results]
    changes = [f"{count} ({count - failures[0]:+d})".replace("-", "\N{MINUS SIGN}") for count in failures[1:]]
    table.add_row("critical failures", items, str(failures[0]), *changes)
    adapter = comparison.adapter
    words = f"adapter {adapter.digest}, rank {adapter.rank}, {show(adapter.size_mib, 'size_mib')}"
    legend = f"in brackets: difference from {first.mode} on the same items, with its 90 % interval over items"
    return [table, "", *([legend] if others else []), words]


def _against(comparison: Comparison, result: ModeResult, category: str) -> str:
    found = comparison.difference(result, category)
    return f"{show(result.outcome.category_means()[category], 'score')} ({show_effect(*found) if found else MISSING})"


def _changed(mean: float | None, before: float | None) -> str:
    difference = None if mean is None or before is None else mean - before
    return f"{show(mean, 'score')} ({show(difference, 'effect')})"


def status_view(folder: SessionFolder, night: NightRecord, state: str) -> View:
    """Return where a session stands."""
    counts = ", ".join(f"{count} {name}" for name, count in probe_counts(night).items() if count)
    facts = [
        f"{folder.path.name}: {state}, {show(night.active_s, 'duration')} so far",
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
    return [*view, headline(after), f"Go on with `nightlab resume {marked.folder.path}`: it measures them anew."]


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def plain_table(columns: tuple[str, ...]) -> Table:
    """Return an empty table with these columns; what is not known to be words is set as numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        is_number = index > 0 and name not in _WORDS
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name not in _MAY_WRAP, overflow="fold")
    return table
