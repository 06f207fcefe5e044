"""`nightlab status --watch`: look at a night again and again until it ends. Reads only; the night does not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.schedule import probes_used
from runner.budget import NightBudget
from runner.config import SessionConfig
from runner.folder import SessionFolder, is_running, state_of
from runner.night_view import Moment, night_view, phase_in_words
from runner.session import recorded_config
from runner.surroundings import Surroundings
from tracking.figures import show
from tracking.ledger import LedgerTail
from tracking.night import NightRecord, seconds_between
from tracking.summary import summary

EXIT_CODES = {"finished": 0, "failed": 4, "unfinished": 4, "interrupted": 130, "invalidated": 130}
"""How a night that nobody works on stands → what `--watch` exits with: as `nightlab run` would have, and 4 for a night
that was cut off."""
REDRAWS_PER_S = 2.0


class NightWatch:
    """A night seen from outside: its record, kept up to date from the ledger."""

    def __init__(self, folder: SessionFolder, around: Surroundings) -> None:
        """Watch the night in `folder`.

        Raises:
            ConfigError: there is no session and nobody works there.
        """
        if not is_running(folder):
            folder.require_session()
        self.folder, self._around = folder, around
        self.night = NightRecord()
        self.is_running = True
        self._tail = LedgerTail(folder.ledger)
        self._config: SessionConfig | None = None
        self._budget: NightBudget | None = None

    def look(self) -> bool:
        """Take what is new; return whether anything is.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        was_running, self.is_running = self.is_running, is_running(self.folder)
        # After the lock was looked at: a night that has let go of it has written its last line.
        events = self._tail.read()
        for event in events:
            self.night.apply(event)
        if self.night.started is None:
            return was_running != self.is_running
        if self._config is None or self._budget is None:
            self._config = recorded_config(self.night, self.folder)
            self._budget = self._new_budget(self._config)
        for event in events:
            self._budget.take(event)
        return bool(events) or was_running != self.is_running

    @property
    def state(self) -> str:
        """`running`, `starting`, or how the night stands."""
        if not self.is_running:
            return state_of(self.night)
        return "running" if self.night.started is not None else "starting"

    @property
    def moment(self) -> Moment:
        """What the ledger does not say."""
        left = self._budget.left_s(probes_used(self.night)) if self._budget is not None else None
        return Moment(self._around.clock.now(), left, self.is_running)

    def view(self) -> Any:
        """Return the picture of now."""
        if self._config is None:
            return Text(f"{self.folder.path.name}  starting")
        return night_view(self._config, self.night, self.moment)

    def line(self) -> str:
        """Return how it stands in one line."""
        if self._config is None:
            return self.state
        phase = phase_in_words(self.night) if self.is_running else self.state
        words = [phase, f"{probes_used(self.night)} of {self._config.budget.probes} probes"]
        left = self.moment.left_s
        if self.is_running and left is not None:
            words.append(f"about {show(left, 'duration')} left")
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Return the same for machines as `nightlab status --json`."""
        return {"folder": str(self.folder.path), "state": self.state, **summary(self.night)}

    def _new_budget(self, config: SessionConfig) -> NightBudget:
        now = self._around.clock.now()
        used_s = self.night.active_s + max(0.0, seconds_between(self.night.last_at, now))
        workers = len(self._around.worker_gpus(config))
        return NightBudget(config.budget, self._around.clock, workers, used_s)


def watch(watched: NightWatch, interval_s: float, pause: Callable[[float], None], console: Console) -> None:
    """Show the night on `console` until nobody works on it: redrawn on a terminal, elsewhere a line per change."""
    watched.look()
    if not console.is_terminal or console.is_dumb_terminal:
        while True:
            console.print(Text(f"{watched.moment.now[11:19]} {watched.line()}"), soft_wrap=True)
            if not _wait_for_news(watched, interval_s, pause):
                return
    with Live(get_renderable=watched.view, console=console, refresh_per_second=REDRAWS_PER_S, transient=True):
        while watched.is_running:
            pause(interval_s)
            watched.look()


def watch_json(watched: NightWatch, interval_s: float, pause: Callable[[float], None]) -> None:
    """Print one JSON object per line for each change, until nobody works on the night."""
    watched.look()
    while True:
        print(json.dumps(watched.as_json(), ensure_ascii=False), flush=True)
        if not _wait_for_news(watched, interval_s, pause):
            return


def _wait_for_news(watched: NightWatch, interval_s: float, pause: Callable[[float], None]) -> bool:
    """Wait until something is new; return False when the night had ended before."""
    while watched.is_running:
        pause(interval_s)
        if watched.look():
            return True
    return False
