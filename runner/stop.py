"""`nightlab stop`: ask the night in a folder to end, wait, and say what became of it. Nothing is killed.

Only the process that the folder's lock and its pid file agree on is ever signalled. A pid file that was left by a night
which is gone, or whose number belongs to another program by now, is said to be just that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import NamedTuple

import psutil

from probes.errors import ConfigError
from runner.folder import SessionFolder, in_words, is_running, state_of
from runner.interrupts import FINISH, NOW
from runner.presence import Occupant, occupant_of
from tracking.clock import Clock
from tracking.commands import command
from tracking.figures import show, show_count

_POLL_S = 0.2


class Stopped(NamedTuple):
    """What became of a night that was asked to stop."""

    is_over: bool
    """Whether nobody works in the folder any more."""
    words: str


def stop_night(
    folder: SessionFolder, now: bool, patience_s: float, clock: Clock, pause: Callable[[float], None]
) -> Stopped:
    """Ask the night in `folder` to end and wait for it.

    Args:
        folder: Where it lies.
        now: Give up running probes instead of letting them finish.
        patience_s: How long its end is waited for.
        clock: Bounds the waiting.
        pause: Waits so many seconds.

    Raises:
        ConfigError: there is no session, or it cannot be told which process works on it.
    """
    if not is_running(folder):
        folder.require_session()
        return Stopped(True, f"{_stands(folder)}; nothing to stop{_left_behind(folder)}")
    occupant, process = _find(folder)
    # Before its first line a night has no handler for our signals: Ctrl-C's undoes what it has begun.
    number = signal.SIGINT if not folder.has_events else NOW if now else FINISH
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise ConfigError(
            f"process {occupant.pid}, which works in `{folder.path}`, belongs to another user and cannot be asked to "
            "stop; ask its owner"
        ) from error
    began = clock.monotonic()
    while is_running(folder) and clock.monotonic() - began < patience_s:
        pause(_POLL_S)
    waited = show(clock.monotonic() - began, "duration")
    if not is_running(folder):
        return Stopped(True, f"process {occupant.pid} ended after {waited}: {_stands(folder)}")
    return Stopped(False, f"process {occupant.pid} still works after {waited}: {_busy_with(folder, now)}")


def _find(folder: SessionFolder) -> tuple[Occupant, psutil.Process]:
    """Return who works in a locked folder.

    Raises:
        ConfigError: the pid file does not name a process that can be the one.
    """
    occupant = occupant_of(folder.path)
    process = occupant.process() if occupant is not None else None
    if occupant is None or process is None:
        told = "has no readable night.pid"
        if occupant is not None:
            told = f"names process {occupant.pid} in its night.pid, which {occupant.fate()}"
        raise ConfigError(
            f"something works in `{folder.path}`, but the folder {told}: nothing was signalled. Stop the night where "
            "it was started (Ctrl-C), perhaps on another machine or in a container"
        )
    return occupant, process


def _left_behind(folder: SessionFolder) -> str:
    occupant = occupant_of(folder.path)
    if occupant is None:
        return ""
    return f" (its night.pid is stale: process {occupant.pid} {occupant.fate()}; nothing was signalled)"


def _stands(folder: SessionFolder) -> str:
    """Return how a night that nobody works on stands, and how it goes on."""
    if not folder.has_events:
        return "it had not begun, and left nothing"
    night = folder.load()
    state = state_of(night)
    ended = show_count(len(night.probes), "probe")
    if state == "finished":
        return f"{folder.path.name} is finished, {ended}"
    return f"{folder.path.name} is {state} after {ended}; `{command('resume', in_words(folder.path))}` goes on"


def _busy_with(folder: SessionFolder, now: bool) -> str:
    running = show_count(len(folder.load().open_plans), "probe") if folder.has_events else "its start"
    cure = "look again later" if now else f"`{command('stop', in_words(folder.path), '--now')}` gives up what runs"
    return f"it is finishing {running} and then ends by itself; {cure}"
