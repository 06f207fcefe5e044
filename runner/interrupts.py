"""Ctrl-C and SIGTERM as a value: once lets running probes finish, twice stops now.

The handler only counts; whoever starts probes looks at the count. A third signal raises `KeyboardInterrupt`, so that
nothing can make the program unstoppable. `nightlab stop` sends signals of its own, which say how far to go instead of
counting: asking politely twice stays polite.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

FINISH, NOW = signal.SIGUSR1, signal.SIGUSR2
"""Signals that ask a night to end once running probes have finished, and to end now."""


class StopRequest:
    """How often the user or the system asked for the end."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        """Start with no request; `say` is told what the next step will be."""
        self._say = say or _say_on_stderr
        self._count = 0

    @property
    def is_stopping(self) -> bool:
        """Whether no further probe may start."""
        return self._count >= 1

    @property
    def is_urgent(self) -> bool:
        """Whether running probes are to be killed."""
        return self._count >= 2

    def ask(self) -> None:
        """Ask for the end once more.

        Raises:
            KeyboardInterrupt: on the third time.
        """
        self._reach(self._count + 1)

    def ask_for(self, urgent: bool) -> None:
        """Ask for the end, at once when `urgent`; what was asked for already stays as it is."""
        wanted = 2 if urgent else 1
        if self._count < wanted:
            self._reach(wanted)

    def _reach(self, count: int) -> None:
        self._count = count
        if self._count == 1:
            self._say("stopping: running probes may finish; once more stops them now")
        elif self._count == 2:
            self._say("stopping now: running probes are given up, `nightlab resume` repeats them")
        else:
            raise KeyboardInterrupt


@contextmanager
def catching_signals(stop: StopRequest) -> Generator[None]:
    """Let SIGINT, SIGTERM, a SIGHUP that is not ignored, and `nightlab stop` ask `stop`; only on the main thread."""
    terminals = [stream for stream in (0, 1, 2) if os.isatty(stream)]

    def handle(number: int, _frame: FrameType | None) -> None:
        _leave_closed(terminals)
        if number in (FINISH, NOW):
            stop.ask_for(urgent=number == NOW)
        else:
            stop.ask()

    numbers = [signal.SIGINT, signal.SIGTERM, FINISH, NOW]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` wants the night to outlive its terminal
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_closed(terminals: Sequence[int]) -> None:
    """Point what was a terminal and is none any more at nothing: every word to it would be an error."""
    for stream in terminals:
        if not os.isatty(stream):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, stream)
            os.close(nothing)


def _say_on_stderr(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        sys.stderr.write(f"\n{text}\n")
