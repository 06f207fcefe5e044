"""`make bench-referee`: what each rule ships on the standard nights, and what it claims wrongly.

    python -m runner.bench.referee --nights 2000 [--data DIR] [--rule NAME]... [--stream NAME]... [--budget N]...

Prints tables and writes `referee.json` and, given data, `replay.json`, each a list of rows. Every night has its own
seed, so that neither the number of processes nor the choice of rules changes a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import sqrt
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from probes.errors import ConfigError, NightlabError
from probes.statistics.intervals import wilson
from runner.bench.contenders import OURS, READS_COMPANIONS, RULES, SLOW
from runner.bench.nights import NightResult, play
from runner.bench.pairs import OUR_PAIR_RULES
from runner.bench.replay import PAIR_RUNS, ReplayRow, in_a_sentence, replay
from runner.bench.streams import PLAIN, STREAMS
from runner.tables import show_view

LEVEL = 0.9
"""Of every interval in the rows."""
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
CHUNK = 50
"""Nights a process plays before it reports."""


class Row(BaseModel):
    """What one rule did with the nights of one stream."""

    model_config = ConfigDict(frozen=True)

    rule: str
    stream: str
    budget: int
    """Probes of a night, the final test's included."""
    nights: int
    accepted: float
    """Changes in the final recipe, mean over nights."""
    harmful: float
    """Of these, changes whose own effect is below zero."""
    misplaced: float
    """Of these, changes without which the final recipe would be better: the same unless effects interact."""
    shipped: float
    """True gain where the final test claims one, else 0; mean over nights."""
    shipped_interval: tuple[float, float]
    false_claim: float
    """Share of nights whose final test claims a gain that is not there."""
    false_claim_interval: tuple[float, float]
    tested: int
    """Nights with a change to test, and so with a reported interval."""
    coverage: float | None
    """Share of the reported 90 % intervals that hold the true gain; None: no night was tested."""
    coverage_interval: tuple[float, float] | None
    coverage_of_claims: float | None
    """The same over nights that claim: what is chosen for being large is covered less."""


def bench(
    rules: Sequence[str], streams: Sequence[str], budgets: Sequence[int], nights: int, seed: int = 0, jobs: int = 1
) -> Iterable[Row]:
    """Play all nights and yield a row per rule, stream and budget."""
    with ProcessPoolExecutor(jobs) as pool:
        for budget in budgets:
            for stream in streams:
                for rule in (rule for rule in rules if is_played(rule, stream)):
                    count = min(nights, max(1, nights // 10)) if rule in SLOW else nights
                    starts = range(0, count, CHUNK)
                    ends = [min(start + CHUNK, count) for start in starts]
                    same = [[value] * len(ends) for value in (rule, stream, budget, seed)]
                    if jobs == 1:
                        parts = list(map(_play_chunk, *same, starts, ends))
                    else:
                        parts = list(pool.map(_play_chunk, *same, starts, ends))
                    yield summarise(rule, stream, budget, [result for part in parts for result in part])


def is_played(rule: str, stream: str) -> bool:
    """Return whether a rule plays a stream: companions change nothing for those that do not read them."""
    return rule in READS_COMPANIONS or not STREAMS[stream].is_for_companions


def summarise(rule: str, stream: str, budget: int, results: Sequence[NightResult]) -> Row:
    """Return the row of a rule's nights; intervals are normal for the mean and Wilson's for the share."""
    shipped = [result.shipped for result in results]
    mean = fmean(shipped)
    half = Z * stdev(shipped) / sqrt(len(shipped)) if len(shipped) > 1 else float("inf")
    wrong = sum(result.claimed and result.gain <= 0 for result in results)
    covered = [result.covered for result in results if result.covered is not None]
    covered_claims = [bool(result.covered) for result in results if result.claimed]
    return Row(
        rule=rule,
        stream=stream,
        budget=budget,
        nights=len(results),
        accepted=fmean(result.accepted for result in results),
        harmful=fmean(result.harmful for result in results),
        misplaced=fmean(result.misplaced for result in results),
        shipped=mean,
        shipped_interval=(mean - half, mean + half),
        false_claim=wrong / len(results),
        false_claim_interval=_bounds(wrong, len(results)),
        tested=len(covered),
        coverage=fmean(covered) if covered else None,
        coverage_interval=_bounds(sum(covered), len(covered)) if covered else None,
        coverage_of_claims=fmean(covered_claims) if covered_claims else None,
    )


def _bounds(hits: int, count: int) -> tuple[float, float]:
    interval = wilson(hits, count, LEVEL)
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def main(
    nights: Annotated[
        int, typer.Option(min=1, help="Nights per rule, stream and budget; Optuna's TPE a tenth.")
    ] = 2000,
    data: Annotated[Path | None, typer.Option(help="Folder with repeated_runs.tsv.")] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; repeatable.")] = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream; repeatable.")] = None,
    budget: Annotated[list[int] | None, typer.Option(help="Probes of a night; repeatable.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="Replayed sessions per group.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    rules = _known("rule", rule, list(RULES))
    streams = _known("stream", stream, list(STREAMS))
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for row in bench(rules, streams, budget or [120, 60], nights, seed, jobs):
        rows.append(row)
        _write(out / "referee.json", rows)
        typer.echo(f"{row.stream} {row.budget}: {row.rule}", err=True)
    show_view([*referee_tables(rows), coverage_table(rows), f"{out / 'referee.json'}: {len(rows)} rows"])
    if data is not None:
        replayed = replay(data, sessions, seed)
        _write(out / "replay.json", replayed)
        sentences = [in_a_sentence(replayed, ours, runs) for runs in PAIR_RUNS for ours in OUR_PAIR_RULES]
        show_view([replay_table(replayed), *sentences, f"{out / 'replay.json'}: {len(replayed)} rows"])


def referee_tables(rows: Sequence[Row]) -> list[Table]:
    """Return a table of the plain streams and one of each kind of variant, where there are rows."""
    kinds = {
        "the standard streams": [name for name in STREAMS if name in PLAIN],
        "changes interact pairwise": [name for name, kind in STREAMS.items() if kind.interaction_sd > 0.0],
        "with a companion": [name for name, kind in STREAMS.items() if kind.is_for_companions],
    }
    parts = {title: [row for row in rows if row.stream in names] for title, names in kinds.items()}
    return [referee_table(part, title) for title, part in parts.items() if part]


def referee_table(rows: Sequence[Row], title: str) -> Table:
    """Return a line per rule and budget: what it shipped on each stream, and its false claims on the empty ones."""
    streams = list(dict.fromkeys(row.stream for row in rows))
    table = Table(
        "rule", "probes", *streams, title=f"{title}: shipped ± 90 %, accepted (harmful), share of false claims"
    )
    for budget in dict.fromkeys(row.budget for row in rows):
        for rule in dict.fromkeys(row.rule for row in rows):
            cells = {row.stream: row for row in rows if (row.rule, row.budget) == (rule, budget)}
            if cells:
                table.add_row(rule, str(budget), *(_cell(cells[name]) if name in cells else "" for name in streams))
    return table


def coverage_table(rows: Sequence[Row]) -> Table:
    """Return a line per stream and budget of the project's night: how often its interval holds the true gain."""
    table = Table(
        "stream", "probes", "tested", "coverage", "of claims", "misplaced", title=f"{OURS}: the reported 90 % interval"
    )
    for row in rows:
        if row.rule != OURS or row.coverage is None or row.coverage_interval is None:
            continue
        low, high = row.coverage_interval
        of_claims = "" if row.coverage_of_claims is None else f"{row.coverage_of_claims:.3f}"
        counts = (f"{row.budget}", f"{row.tested}", f"{row.coverage:.3f} [{low:.3f}, {high:.3f}]", of_claims)
        table.add_row(row.stream, *counts, f"{row.misplaced:.2f}")
    return table


def _cell(row: Row) -> str:
    half = (row.shipped_interval[1] - row.shipped_interval[0]) / 2
    return f"{row.shipped:.2f}±{half:.2f}, {row.accepted:.1f} ({row.harmful:.2f}), {row.false_claim:.3f}"


def replay_table(rows: Sequence[ReplayRow]) -> Table:
    """Return the replayed rows as a table."""
    table = Table("rule", "case", "runs", "sessions", "false claims", "power")
    for row in rows:
        rates = ("" if rate is None else f"{rate:.3f}" for rate in (row.false_claim, row.power))
        table.add_row(row.rule, row.case, f"{row.runs:.0f}", str(row.sessions), *rates)
    return table


def _play_chunk(rule: str, stream: str, budget: int, seed: int, start: int, end: int) -> list[NightResult]:
    return [play(RULES[rule], stream, budget, seed, number) for number in range(start, end)]


def _known(what: str, asked: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked or () if name not in known]
    if unknown:
        raise ConfigError(f"there is no {what} {unknown[0]!r}; choose from {', '.join(known)}")
    return asked or known


def _write(path: Path, rows: Sequence[BaseModel]) -> None:
    path.write_text(json.dumps([row.model_dump(mode="json") for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except NightlabError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(2) from error
