"""Plays proposers on landscapes and keeps what each run came to: a bench of hours can be cut short and taken up again.

A line of the file is one proposer, landscape, seed and budget. It counts only while the code and the data behind it are
the same: peers by their own sources, ours by all that a night is made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from runner.bench.proposers.automl import TRIALS, open_automl
from runner.bench.proposers.claims import is_claimed, paid_search
from runner.bench.proposers.landscape import Landscape, Settings
from runner.bench.proposers.miniature import open_miniature
from runner.bench.proposers.ours import OURS, our_night
from runner.bench.proposers.peers import PEERS

ROOT = Path(__file__).resolve().parents[3]
LANDSCAPE_SOURCES = ("runner/bench/proposers/automl.py", "runner/bench/proposers/miniature.py", "lanes/knobs.py")
PEER_SOURCES = (
    *LANDSCAPE_SOURCES,
    *(f"runner/bench/proposers/{name}.py" for name in ("landscape", "peers", "claims")),
    *(f"probes/statistics/{name}.py" for name in ("assurance", "config", "confirmation", "runs")),
)
OUR_SOURCES = (
    *(f"{floor}/**/*.py" for floor in ("agent", "lanes", "tracking", "probes")),
    "runner/bench/simulated.py",
    "runner/bench/proposers/ours.py",
)
LIBRARIES = ("optuna", "scikit-learn", "numpy", "scipy")


class Run(NamedTuple):
    """A proposer on a landscape, by seed."""

    landscape: str
    proposer: str
    seed: int


class Outcome(NamedTuple):
    """What a run came to with one budget."""

    value: float
    """True value of the final recipe above the baseline, in points."""
    claimed: bool
    """Whether a confirmation lets the recipe be claimed; else the baseline stays."""
    paid_value: float
    """The same where the confirmation's probes are taken off the budget, as ours always are."""
    paid_claimed: bool
    spent: int | None = None
    """Probes that our night spent; a peer spends its budget."""


class Known:
    """Outcomes of earlier runs, one JSON line each, in the order in which they ended."""

    def __init__(self, path: Path, data: Path | None) -> None:
        """Read what is there; a line cut short by an interruption, or of before all of this was kept, is left out."""
        self._path, self._data = path, data
        self._outcomes: dict[tuple[Run, int, str], Outcome] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                kept = json.loads(line)
            except json.JSONDecodeError:
                continue
            if not kept.keys() >= set(Outcome._fields) - set(Outcome._field_defaults):
                continue
            run = Run(kept["landscape"], kept["proposer"], kept["seed"])
            outcome = Outcome(**{name: kept[name] for name in Outcome._fields if name in kept})
            self._outcomes[run, kept["probes"], kept["made_by"]] = outcome

    def outcomes(self, run: Run, budgets: Sequence[int]) -> list[Outcome] | None:
        """Return the outcomes of a run at all budgets, None when one is missing."""
        made_by = fingerprint(run.proposer, run.landscape, self._data)
        found = [self._outcomes.get((run, probes, made_by)) for probes in budgets]
        known = [outcome for outcome in found if outcome is not None]
        return known if len(known) == len(found) else None

    def keep(self, run: Run, budgets: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Append the outcomes of a run."""
        made_by = fingerprint(run.proposer, run.landscape, self._data)
        with self._path.open("a", encoding="utf-8") as file:
            for probes, outcome in zip(budgets, outcomes, strict=True):
                self._outcomes[run, probes, made_by] = outcome
                line = {**run._asdict(), "probes": probes, **outcome._asdict(), "made_by": made_by}
                file.write(json.dumps(line) + "\n")


def play_all(runs: Sequence[Run], budgets: tuple[int, ...], jobs: int, data: Path | None, known: Known) -> None:
    """Play the runs that are not known yet and keep each as it ends."""
    missing = [run for run in runs if known.outcomes(run, budgets) is None]
    for run, outcomes in _played(missing, budgets, jobs, data):
        known.keep(run, budgets, outcomes)


def play(run: Run, budgets: tuple[int, ...], data: Path | None) -> list[Outcome]:
    """Return what a proposer ends with at each budget.

    Peers do not know their budget: one run is read at every one. Ours plans by it: a night for each.
    """
    at = landscape(run.landscape, data)
    if run.proposer == OURS:
        nights = (our_night(at, run.seed, probes) for probes in budgets)
        ends = ((at.value(night.settings), night.claimed, night.spent) for night in nights)
        return [Outcome(value, claimed, value, claimed, spent) for value, claimed, spent in ends]
    after = list(islice(PEERS[run.proposer](at, run.seed), max(budgets)))
    return [_peer_outcome(at, after, run.seed, probes) for probes in budgets]


@cache
def landscape(name: str, data: Path | None) -> Landscape:
    """Return a landscape, opened once per process."""
    if name == "miniature":
        return open_miniature()
    assert data is not None
    return open_automl(data)


@cache
def fingerprint(proposer: str, landscape_name: str, data: Path | None) -> str:
    """Return the digest of what decides a run besides its seed."""
    digest = sha256()
    for pattern in (*PEER_SOURCES, *(OUR_SOURCES if proposer == OURS else ())):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    digest.update(json.dumps([version(name) for name in LIBRARIES]).encode())
    if landscape_name == "automl" and data is not None:
        digest.update((data / TRIALS).read_bytes())
    return digest.hexdigest()[:16]


def _peer_outcome(at: Landscape, after: Sequence[Settings], seed: int, probes: int) -> Outcome:
    searched, paid = after[probes - 1], after[paid_search(probes) - 1]
    claims = [is_claimed(at, settings, seed, probes) for settings in (searched, paid)]
    return Outcome(at.value(searched), claims[0], at.value(paid), claims[1])


def _played(
    runs: Sequence[Run], budgets: tuple[int, ...], jobs: int, data: Path | None
) -> Iterator[tuple[Run, list[Outcome]]]:
    """Yield runs with their outcomes as they end."""
    if jobs == 1:
        yield from ((run, play(run, budgets, data)) for run in runs)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(play, run, budgets, data): run for run in runs}
        yield from ((running[future], future.result()) for future in as_completed(running))
