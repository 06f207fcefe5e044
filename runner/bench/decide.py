"""`make bench-decide`: how long the referee takes to decide the next step, from short nights to very long ones.

    python -m runner.bench.decide [--probes N]... [--looks N] [--out DIR]

Nights are made up, probes and all, by their design alone; a look reads what is new in the record, fits the target and
six guards with companions, and judges every live candidate. Prints a table and writes `decide.json`, a list of rows.
What it leaves out: the lanes' next proposals, and reading the ledger from disk. Times are the process's own CPU time,
so that other work on the machine does not count; run it with one thread, as `make` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated, Literal

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from agent.evidence import SearchEvidence
from agent.plan import NightPlan
from agent.referee import Referee
from probes.candidate import Candidate, Change
from probes.outcome import GenerationConfig, ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest
from probes.statistics.blocks import PLACES, design_block
from probes.statistics.companions import FAMILIES
from probes.statistics.config import RefereeConfig
from runner.tables import show_view
from tracking import events as ev
from tracking.night import NightRecord

CATEGORIES: tuple[str, ...] = ("anachronism", "character", "ground_truth", "position", "private_voice", "verified")
ITEMS, SAMPLES = 4, 3
"""Items per category, answers per item."""
SIDE_BY_SIDE = 4
ACCEPTED_SHARE, MOST_ACCEPTED = 0.05, 40
AGAIN = 0.6
"""Chance that a candidate wants another replicate or block."""
RECIPE = Recipe(base_model="m", steps=300)
AT = "2026-01-01T00:00:00+00:00"

Design = Literal["race", "blocks"]
Changes = tuple[str, ...]


class Row(BaseModel):
    """Looks at one length of a night."""

    model_config = ConfigDict(frozen=True)

    design: Design
    probes: int
    """In the record before the first look that was timed."""
    candidates: int
    looks: int
    decide_ms: float
    """One look, median."""
    slowest_ms: float
    rebuild_s: float
    """The first look of a night taken up again: everything is read anew."""
    per_hundred: float
    """`decide_ms` over that of the shortest night of the same design."""


@dataclass
class MadeUpNight:
    """A night that goes on for ever: scores are drawn, decisions too."""

    design: Design
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    record: NightRecord = field(default_factory=NightRecord)
    live: dict[str, int] = field(default_factory=dict[str, int])

    def play_round(self) -> None:
        """Add a round of the race or a block, then decide by chance which candidates stay, go or are accepted."""
        while len(self.live) < (PLACES if self.design == "blocks" else SIDE_BY_SIDE):
            name = f"c{len(self.record.candidates):05d}"
            self.record.candidates[name] = _candidate(name)
            self.live[name] = 0
        for changes in self._recipes():
            self._add(changes)
        for name in list(self.live):
            self.live[name] += 1
            if self.rng.random() > AGAIN or self.live[name] == 4:
                del self.live[name]
                if self.rng.random() < ACCEPTED_SHARE and len(self.record.accepted) < MOST_ACCEPTED:
                    self.record.accepted = (*self.record.accepted, name)

    def _recipes(self) -> Iterator[Changes]:
        accepted = self.record.accepted
        if self.design == "race":
            yield from [(), *((*accepted, name) for name in self.live)]
        else:
            for row in design_block(len(self.record.probes), tuple(self.live), seed=len(self.record.probes)).rows:
                yield (*(name for name in accepted if self.rng.random() < 0.5), *row)

    def _add(self, changes: Changes) -> None:
        number = 1 + len(self.record.probes)
        plan = ev.ProbePlan(
            number=number,
            phase="search" if changes else "calibrate",
            arm="block" if self.design == "blocks" else "candidate" if changes else "baseline",
            candidate=changes[-1] if changes and self.design == "race" else None,
            changes=changes,
            block=number // 12 if self.design == "blocks" else None,
            replicate=number,
            request=_request(number),
        )
        outcome = _outcome(self.rng.normal(5.0 + 0.02 * len(changes), 0.5, len(CATEGORIES)))
        self.record.apply(ev.ProbeFinished(at=AT, plan=plan, outcome=outcome))


def measure(design: Design, probes: int, looks: int, shortest_ms: float | None = None) -> Row:
    """Time looks at a night of at least so many probes."""
    night, plan = MadeUpNight(design), _plan()
    while len(night.record.probes) < probes:
        night.play_round()
    evidence, start = SearchEvidence(plan), process_time()
    evidence.look(night.record)
    rebuild_s, length = process_time() - start, len(night.record.probes)
    times: list[float] = []
    for _ in range(looks):
        night.play_round()
        start = process_time()
        referee = Referee(night.record, plan, evidence)
        for name in night.live:
            if night.record.seen[name]:
                referee.read(name)
        times.append(1000 * (process_time() - start))
    return Row(
        design=design,
        probes=length,
        candidates=len(night.record.candidates),
        looks=looks,
        decide_ms=median(times),
        slowest_ms=max(times),
        rebuild_s=rebuild_s,
        per_hundred=median(times) / (shortest_ms or median(times)),
    )


def main(
    probes: Annotated[list[int] | None, typer.Option(min=1, help="Length of a night; repeatable.")] = None,
    looks: Annotated[int, typer.Option(min=1, help="Looks timed at each length.")] = 25,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    rows: list[Row] = []
    designs: tuple[Design, ...] = ("race", "blocks")
    for design in designs:
        first: float | None = None
        for count in sorted(probes or [100, 1000, 10_000]):
            rows.append(measure(design, count, looks, first))
            first = first or rows[-1].decide_ms
    out.mkdir(parents=True, exist_ok=True)
    path = out / "decide.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    show_view([decide_table(rows), f"{path}: {len(rows)} rows"])


def decide_table(rows: Sequence[Row]) -> Table:
    """Return a line per design and length."""
    table = Table("design", "probes", "candidates", "one look, ms", "slowest, ms", "against the shortest", "anew, s")
    for row in rows:
        times = (f"{row.decide_ms:.1f}", f"{row.slowest_ms:.1f}", f"{row.per_hundred:.1f} x", f"{row.rebuild_s:.2f}")
        table.add_row(row.design, str(row.probes), str(row.candidates), *times)
    return table


def _plan() -> NightPlan:
    items = dict.fromkeys(CATEGORIES, ITEMS)
    return NightPlan(
        session="made-up",
        seed=0,
        baseline=RECIPE,
        target="overall",
        guards=dict.fromkeys(CATEGORIES, 1.5),
        referee=RefereeConfig(),
        budget_probes=100_000,
        confirm_probes=16,
        max_attempts=2,
        search_items=items,
        held_out_items=items,
        samples=SAMPLES,
    )


def _candidate(name: str) -> Candidate:
    change = Change(lane="hyperparameters", knob="learning_rate", before=1e-3, after=2e-3)
    return Candidate(id=name, change=change, parent="p", recipe=RECIPE, proposer="made up")


def _request(seed: int) -> ProbeRequest:
    file = FileRef(path="f", digest="d")
    return ProbeRequest(
        recipe=RECIPE,
        seed=seed,
        split="search",
        base_model=file,
        train=(file,),
        suite=file,
        samples=SAMPLES,
        generation=GenerationConfig(),
        versions={},
        folder="probe",
        deadline_s=1.0,
    )


def _outcome(levels: np.ndarray[tuple[int], np.dtype[np.float64]]) -> ProbeOutcome:
    items = tuple(
        ItemScores(item=f"{category}-{i}", category=category, difficulty="easy", scores=(float(level),) * SAMPLES)
        for category, level in zip(CATEGORIES, levels, strict=True)
        for i in range(ITEMS)
    )
    companions = {
        f"{family}{category}": 2 * float(level)
        for family in FAMILIES
        for category, level in zip(CATEGORIES, levels, strict=True)
    }
    companions["reward_margin"] = float(levels.mean())
    return ProbeOutcome(key="k", status=ProbeStatus.COMPLETED, items=items, companions=companions)


if __name__ == "__main__":
    typer.run(main)
