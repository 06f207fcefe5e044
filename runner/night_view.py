"""The picture of a running night: phase, budget, what runs, what was decided. Drawn from the ledger's record alone.

The same picture for whoever started the night and for whoever looks again later with `nightlab status --watch`.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.schedule import probes_used
from runner.config import SessionConfig
from runner.ending import ends_at
from runner.progress import question_of
from tracking.figures import show, show_effect
from tracking.headline import change_in_words
from tracking.night import NightRecord, seconds_between

SHOWN_DECISIONS = 12
WIDEST_BAR = 60
SIGNS = "+−"
_DECISION_STYLE = {"accept": "green", "reject": "dim", "park": "dim", "more": ""}
_PHASE = {
    "control": "checking the instrument",
    "calibrate": "calibrating",
    "smoke": "smoke-testing",
    "search": "searching",
    "confirm": "confirming",
}


class Moment(NamedTuple):
    """What the ledger does not say."""

    now: str
    """ISO 8601, UTC."""
    left_s: float | None = None
    """Until the budget ends; None while nothing is known."""
    is_running: bool = True
    """Whether a process works on the night; a night at rest takes no more time."""


def night_view(config: SessionConfig, night: NightRecord, moment: Moment) -> RenderableType:
    """Return the picture of `night` at that moment."""
    parts: list[RenderableType] = [*_heading(config, night, moment)]
    running = _running(night, moment) if moment.is_running and night.stopped is None else None
    if running is not None and running.row_count:
        parts += [Text(), Text("running", style="bold"), running]
    if night.candidates:
        parts += [Text(), Text("candidates", style="bold"), _decisions(night)]
    return Group(*parts)


def phase_in_words(night: NightRecord) -> str:
    """Return what the night is at: `searching`, `block 1, 4 of 12 rows`, or how it was stopped."""
    if night.stopped is not None:
        return night.stopped.stop_reason
    running = [plan for key, plan in night.open_plans.items() if key in night.spending.running]
    plan = running[-1] if running else night.probes[-1].plan if night.probes else None
    if plan is None:
        return "checking"
    if plan.phase == "search" and night.design == "blocks" and night.blocks:
        block = night.blocks[-1]
        done = {probe.plan.replicate for probe in night.probes if probe.plan.block == block.number}
        return f"searching, block {block.number}: {len(done)} of {len(block.rows)} rows"
    return _PHASE[plan.phase]


def _heading(config: SessionConfig, night: NightRecord, moment: Moment) -> list[RenderableType]:
    used, total = probes_used(night), config.budget.probes
    state = phase_in_words(night) if moment.is_running or night.stopped else "cut off: no process works on it"
    title = Text.assemble((config.name, "bold"), f"  {state}", overflow="fold")
    bar = Table.grid(padding=(0, 2))
    bar.add_column(max_width=WIDEST_BAR, ratio=1)
    bar.add_column(no_wrap=True)
    done = ProgressBar(total=total, completed=min(used, total), complete_style="cyan", finished_style="cyan")
    bar.add_row(done, Text(f"{used} of {total} probes"))
    lines = [_spent(config, night, moment)]
    if night.noise is not None and night.power is not None:
        lines.append(
            f"raising {night.target}, noise sd {show(night.noise.target_sd, 'score')}, gains under "
            f"{show(night.power.target_resolvable, 'margin')} cannot be seen"
        )
    return [title, bar, *(Text(line, overflow="fold") for line in lines)]


def _spent(config: SessionConfig, night: NightRecord, moment: Moment) -> str:
    is_going_on = moment.is_running and night.stopped is None
    since = seconds_between(night.last_at, moment.now) if is_going_on and night.last_at else 0.0
    words = [f"{show(night.active_s + max(0.0, since), 'duration')}{' so far' if is_going_on else ''}"]
    usd, limit = night.bill.usd, config.budget.usd
    if usd is not None:
        words.append(show(usd, "usd") + (f" of {show(limit, 'usd')}" if limit is not None else ""))
    if is_going_on and moment.left_s is not None:
        left = max(0.0, moment.left_s)
        words.append(f"about {show(left, 'duration')} left, until {ends_at(moment.now, left)}")
    return "  ·  ".join(words)


def _running(night: NightRecord, moment: Moment) -> Table:
    table = _grid()
    for key, began in night.spending.running.items():
        plan = night.open_plans.get(key)
        if plan is not None:
            took = show(max(0.0, seconds_between(began, moment.now)), "duration")
            table.add_row(Text(f"  {plan.number}"), Text(question_of(plan, night)), Text(took))
    return table


def _decisions(night: NightRecord) -> Table:
    table = _grid()
    latest = list(night.candidates)[-SHOWN_DECISIONS:]
    kept = (*night.accepted, *latest)
    shown = [candidate for name, candidate in night.candidates.items() if name in kept]
    hidden = len(night.candidates) - len(shown)
    if hidden:
        table.add_row(Text("  …"), Text(f"{hidden} earlier not shown", style="dim"), Text())
    for candidate in shown:
        decision = decision_of(night, candidate.id)
        reading = night.reading(candidate.id)
        effect = show_effect(reading.effect, reading.interval) if reading else ""
        style = _DECISION_STYLE.get(decision, "")
        table.add_row(
            Text(f"  {candidate.id}", style=style),
            Text(change_in_words(candidate.change), style=style),
            Text(f"{decision:<7} {effect if effect[:1] in SIGNS else f' {effect}'}".rstrip(), style=style),
        )
    return table


def decision_of(night: NightRecord, name: str) -> str:
    """Return where a candidate stands: its latest decision, `waiting` before the first, `again` once taken up anew."""
    if name in night.accepted:
        return "accept"
    if name in night.revisits and night.is_live(name):
        return "again"
    reading = night.reading(name)
    return reading.decision if reading else "waiting"


def _grid() -> Table:
    """Return a borderless table whose middle column gives way when the terminal is narrow."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=None)
    table.add_column(no_wrap=True, overflow="ellipsis")
    return table
