"""Many simulated nights on all cores, with a progress line."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runner.bench.streams import PLAIN
from runner.interrupts import StopRequest, catching_signals
from runner.simulation.night import Played, Setting, play_night
from runner.simulation.outlook import Outlook, outlook_of, summarise

CHUNK = 10
"""Nights a process plays before it reports, at least."""
MOST_CHUNKS = 100
"""Parts that a stream's nights are divided into, at most."""
WORTH_A_PROCESS = 50
"""Nights for which another process is worth its start."""
ASK_S = 0.2
"""Seconds between two looks at whether the user wants an end."""

Chunk = tuple[str, int, int]
"""Stream, first night, night after the last."""


def simulate(setting: Setting, nights: int, jobs: int, console: Console) -> Outlook:
    """Play `nights` nights of a session on every standard stream and return what they come to.

    Every night has its own seed, so that the number of processes changes nothing.

    Args:
        setting: The session, as far as a simulation needs it.
        nights: Nights per stream, at least 1.
        jobs: Processes.
        console: Where progress is shown.

    Raises:
        KeyboardInterrupt: the user or the system asked for the end.
    """
    size = max(CHUNK, nights // MOST_CHUNKS)
    chunks = [(stream, start, min(start + size, nights)) for stream in PLAIN for start in range(0, nights, size)]
    played: dict[Chunk, list[Played]] = {}
    total = nights * len(PLAIN)
    # Counted and raised where nothing can swallow it: Python forgets an interrupt that falls into a destructor.
    stop = StopRequest(lambda text: None)
    with catching_signals(stop), _progress(console) as progress:
        task = progress.add_task("simulating nights", total=total)
        if not console.is_terminal:
            console.print(f"simulating {total:,} nights")
        for chunk, results in _results(setting, chunks, max(1, min(jobs, total // WORTH_A_PROCESS)), stop):
            played[chunk] = results
            progress.advance(task, len(results))
    rows = [
        summarise(stream, [night for chunk in chunks if chunk[0] == stream for night in played[chunk]])
        for stream in PLAIN
    ]
    return outlook_of(setting, rows)


def _results(
    setting: Setting, chunks: list[Chunk], jobs: int, stop: StopRequest
) -> Iterator[tuple[Chunk, list[Played]]]:
    """Yield chunks as they end, in any order."""
    if jobs == 1:
        for chunk in chunks:
            _end_if_asked(stop)
            yield chunk, _play(setting, chunk)
        return
    # Fresh processes: a fork would copy the progress display's thread and locks.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            with _interrupts_held():
                pending = {pool.submit(_play, setting, chunk): chunk for chunk in chunks}
            while pending:
                done, _ = wait(pending, ASK_S, FIRST_COMPLETED)
                _end_if_asked(stop)
                yield from ((pending.pop(future), future.result()) for future in done)
        finally:
            pool.shutdown(cancel_futures=True)


def _end_if_asked(stop: StopRequest) -> None:
    if stop.is_stopping:
        raise KeyboardInterrupt


@contextmanager
def _interrupts_held() -> Generator[None]:
    """Hold Ctrl-C back while processes are started: they inherit that and leave the answer to this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _play(setting: Setting, chunk: Chunk) -> list[Played]:
    stream, start, end = chunk
    return [play_night(setting, stream, number) for number in range(start, end)]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
