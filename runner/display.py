"""What a person sees while the night runs: a calm live view on a terminal, plain lines anywhere else.

The view is rebuilt from the ledger's events alone and goes to standard error; standard output is for results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from agent.schedule import probes_used
from probes.words import printable
from runner.config import SessionConfig
from runner.night_view import Moment, night_view
from runner.progress import line_of
from tracking import events as ev
from tracking.clock import Clock
from tracking.night import NightRecord

REFRESHES_PER_S = 2

TimeLeft = Callable[[int], float | None]


class NightDisplay:
    """A ledger observer; as a context manager it owns the live view."""

    def __init__(self, config: SessionConfig, console: Console, clock: Clock, time_left: TimeLeft) -> None:
        """Show on `console`; `time_left` foresees the seconds left from the probes used."""
        self._config, self._console, self._clock, self._time_left = config, console, clock, time_left
        self._night = NightRecord()
        self._lock = threading.Lock()
        self._live: Live | None = None

    def take(self, event: ev.Event) -> None:
        """Take an event of an earlier stretch of the night without showing it."""
        self._night.apply(event)

    def __call__(self, event: ev.Event) -> None:
        """Take an event and show it."""
        with self._lock:
            self._night.apply(event)
        with suppress(OSError):  # the terminal may be gone; the night goes on
            if self._live is None:
                line = printable(line_of(event, self._night))
                self._console.print(Text(f"{event.at[11:19]} {line}"), soft_wrap=True)
            elif isinstance(event, ev.MeasurementFlagged):
                self._console.print(Text(line_of(event, self._night), style="yellow"))
            elif isinstance(event, ev.Warned):
                self._console.print(Text(f"warning, {event.subject}: {event.message}", style="yellow"))

    def __enter__(self) -> Self:
        """Start the live view where there is a terminal."""
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
            left_s = self._time_left(probes_used(self._night))
            return night_view(self._config, self._night, Moment(self._clock.now(), left_s))
