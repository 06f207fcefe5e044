"""What a person sees while the night runs: a calm live view on a terminal, plain lines anywhere else.

The view is rebuilt from the ledger's events alone and goes to standard error; standard output is for results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.schedule import probes_used
from runner.config import SessionConfig
from runner.progress import line_of, question_of
from tracking import events as ev
from tracking.clock import Clock
from tracking.figures import show, show_effect
from tracking.headline import change_in_words
from tracking.night import NightRecord

REFRESHES_PER_S = 2
SHOWN_DECISIONS = 12
_DECISION_STYLE = {"accept": "green", "reject": "dim", "park": "dim", "more": ""}
_PHASE = {
    "control": "checking the instrument",
    "calibrate": "calibrating",
    "smoke": "smoke-testing",
    "search": "searching",
    "confirm": "confirming",
}

TimeLeft = Callable[[int], float | None]


class NightDisplay:
    """A ledger observer; as a context manager it owns the live view."""

    def __init__(self, config: SessionConfig, console: Console, clock: Clock, time_left: TimeLeft) -> None:
        """Show on `console`; `time_left` foresees the seconds left from the probes used."""
        self._config, self._console, self._clock, self._time_left = config, console, clock, time_left
        self._night = NightRecord()
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._phase = ""
        self._live: Live | None = None
        self._started = clock.monotonic()
        self._before_s = 0.0

    def take(self, event: ev.Event) -> None:
        """Take an event of an earlier stretch of the night without showing it."""
        self._night.apply(event)

    def __call__(self, event: ev.Event) -> None:
        """Take an event and show it."""
        with self._lock:
            self._night.apply(event)
            if isinstance(event, ev.ProbeStarted):
                self._began[event.key] = self._clock.monotonic()
                self._phase = event.plan.phase
            elif isinstance(event, ev.ProbeFinished):
                self._began.pop(event.outcome.key, None)
        with suppress(OSError):  # the terminal may be gone; the night goes on
            if self._live is None:
                self._console.print(Text(f"{event.at[11:19]} {line_of(event, self._night)}"), soft_wrap=True)
            elif isinstance(event, ev.MeasurementFlagged):
                self._console.print(Text(line_of(event, self._night), style="yellow"))
            elif isinstance(event, ev.Warned):
                self._console.print(Text(f"warning, {event.subject}: {event.message}", style="yellow"))

    def __enter__(self) -> Self:
        """Start the live view where there is a terminal."""
        self._before_s = self._night.active_s
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self.view,
                console=self._console,
                refresh_per_second=REFRESHES_PER_S,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="ellipsis",
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last view standing."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()
            self._live = None

    def view(self) -> RenderableType:
        """Return the picture of now."""
        with self._lock:
            parts: list[RenderableType] = [self._heading(), self._bar()]
            if self._began:
                parts += [Text(), Text("running", style="bold"), self._running()]
            if self._night.candidates:
                parts += [Text(), Text("candidates", style="bold"), self._decisions()]
            return Group(*parts)

    def _heading(self) -> Text:
        night = self._night
        used = probes_used(night)
        words = [self._config.name, self._state(), f"{used} of {self._config.budget.probes} probes"]
        words.append(show(night.active_s if night.stopped else self._elapsed(), "duration"))
        usd, limit = night.bill.usd, self._config.budget.usd
        if usd is not None:
            words.append(show(usd, "usd") + (f" of {show(limit, 'usd')}" if limit is not None else ""))
        left = None if night.stopped else self._time_left(used)
        if left is not None:
            words.append(f"about {show(max(left, 0.0), 'duration')} left")
        lines = "  ·  ".join(words)
        if night.noise is not None and night.power is not None:
            lines += (
                f"\nraising {night.target}  ·  noise sd {show(night.noise.target_sd, 'score')}"
                f"  ·  resolvable {show(night.power.target_resolvable, 'margin')}"
            )
        return Text(lines, overflow="fold")

    def _state(self) -> str:
        night = self._night
        if night.stopped is not None:
            return night.stopped.stop_reason
        if self._phase == "search" and night.designs and night.designs[-1].design == "blocks" and night.blocks:
            block = night.blocks[-1]
            done = {probe.plan.replicate for probe in night.probes if probe.plan.block == block.number}
            return f"block {block.number}, {len(done)} of {len(block.rows)} rows"
        return _PHASE.get(self._phase, "checking")

    def _elapsed(self) -> float:
        return self._before_s + self._clock.monotonic() - self._started

    def _bar(self) -> ProgressBar:
        return ProgressBar(total=self._config.budget.probes, completed=probes_used(self._night), width=None)

    def _running(self) -> Table:
        table = _grid()
        now = self._clock.monotonic()
        for key, began in self._began.items():
            plan = self._night.open_plans.get(key)
            if plan is not None:
                table.add_row(
                    Text(f"  {plan.number}"), Text(question_of(plan, self._night)), Text(show(now - began, "duration"))
                )
        return table

    def _decisions(self) -> Table:
        table = _grid()
        latest = list(self._night.candidates)[-SHOWN_DECISIONS:]
        kept = (*self._night.accepted, *latest)
        shown = [candidate for name, candidate in self._night.candidates.items() if name in kept]
        hidden = len(self._night.candidates) - len(shown)
        if hidden:
            table.add_row(Text("  …"), Text(f"{hidden} earlier not shown", style="dim"), Text())
        for candidate in shown:
            reading = self._night.reading(candidate.id)
            decision = reading.decision if reading else "waiting"
            if candidate.id in self._night.accepted:
                decision = "accept"
            elif candidate.id in self._night.revisits and self._night.is_live(candidate.id):
                decision = "again"
            effect = show_effect(reading.effect, reading.interval) if reading else ""
            style = _DECISION_STYLE.get(decision, "")
            table.add_row(
                Text(f"  {candidate.id}", style=style),
                Text(change_in_words(candidate.change), style=style),
                Text(f"{decision:<7} {effect}".rstrip(), style=style),
            )
        return table


def _grid() -> Table:
    """Return a borderless table whose middle column gives way when the terminal is narrow."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=None)
    table.add_column(no_wrap=True, overflow="ellipsis")
    return table
