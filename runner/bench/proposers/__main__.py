"""`make bench-proposers`: who ends with the best recipe, after how many probes, and how often it can be claimed.

    python -m runner.bench.proposers [--data DIR] [--seeds N] [--first-seed N] [--only NAME]... [--landscape NAME]...
        [--probes N]... [--jobs N] [--out DIR] [--no-play]

True value of the final recipe above the baseline, in points, on two landscapes: the miniature's single changes put
together, and with DATA a surrogate of 11,172 public trials, whose fit is printed. Then how often that recipe passes a
confirmation, what ships if only claimed recipes do, and what could be had at most. Our confirmation is inside our
budget. Peers are shown twice: with theirs on top of their budget, and paid from it as ours is. Prints medians over
seeds, and means of what ships, with bootstrap intervals and writes `proposers.json`, a list of rows, and
`proposers_fit.json`. Every run is kept in `proposers_runs.jsonl` as it ends, so a bench that was cut short goes on
where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from runner.bench.proposers.automl import Fit, quality
from runner.bench.proposers.ceiling import Ceiling, ceilings
from runner.bench.proposers.miniature import open_miniature
from runner.bench.proposers.ours import OURS
from runner.bench.proposers.peers import PEERS
from runner.bench.proposers.rows import Figures, Row, bounds, measured, resampled, rows_of
from runner.bench.proposers.runs import Known, Run, play_all
from runner.tables import show_view

BUDGETS = (25, 50, 100, 200)
NAMES = (*PEERS, OURS)


def leads_table(rows: Sequence[Row], seeds: range, known: Known) -> Table:
    """Return what our nights spent and how far their median lies above the best peer's, its confirmation extra or not.

    Without a peer the lead is left open.
    """
    above = (f"{OURS} above the best peer", "above the best that pays for its confirmation")
    table = Table("landscape", "probes", "spent", *above)
    for own in (row for row in rows if row.proposer == OURS):
        cells = (own.landscape, f"{own.probes}", "" if own.spent is None else f"{own.spent:.0f}")
        peers = [r for r in rows if (r.landscape, r.probes) == (own.landscape, own.probes) and r.proposer != OURS]
        if not peers:
            table.add_row(*cells, "no peer was run", "")
            continue
        ours, *theirs = (measured(own.landscape, row.proposer, own.probes, seeds, known) for row in (own, *peers))
        free = {peer.proposer: [o.value for o in found] for peer, found in zip(peers, theirs, strict=True)}
        paid = {peer.proposer: [o.paid_value for o in found] for peer, found in zip(peers, theirs, strict=True)}
        values = [outcome.value for outcome in ours]
        table.add_row(*cells, said_lead(values, free), said_lead(values, paid))
    return table


def said_lead(ours: Sequence[float], peers: Mapping[str, Sequence[float]]) -> str:
    """Return how far our median lies above that of the peer with the best one, with a bootstrap interval."""
    best, chance = max(peers, key=lambda name: float(np.median(peers[name]))), np.random.default_rng(0)
    drawn = [np.median(resampled(values, chance), axis=1) for values in (ours, peers[best])]
    low, high = bounds(drawn[0] - drawn[1])
    lead = float(np.median(ours) - np.median(peers[best]))
    return f"{lead:+.2f} [{low:+.2f}, {high:+.2f}], {best} ({len(peers[best])} seeds)"


def said_value(row: Figures) -> str:
    """Return the median value in words."""
    return f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"


def said_claim(row: Figures) -> str:
    """Return in words how often the final recipe is claimed and what ships."""
    share = f"{row.claimed:.2f}".removeprefix("0")
    return f"claimed {share}, ships {row.shipped:+.1f} [{row.shipped_low:+.1f}, {row.shipped_high:+.1f}]"


def said_paid(row: Row) -> str:
    """Return median, claims and what ships in words, with the confirmation inside the budget."""
    share = f"{row.paid.claimed:.2f}".removeprefix("0")
    return f"{said_value(row.paid)}, claimed {share}, ships {row.paid.shipped:+.1f}"


SAID: Mapping[str, Callable[[Row], str]] = {
    "true gain, median over seeds; the whole budget is a peer's to search with": said_value,
    "claimed by a confirmation, a peer's on top of its budget; ships: gain where claimed, mean over seeds": said_claim,
    "the same with every confirmation paid from the budget, as ours is": said_paid,
}
"""Title of a table → what it says of a row."""


def rows_table(rows: Sequence[Row], budgets: Sequence[int], title: str) -> Table:
    """Return a line per landscape and proposer, with what the table of that title says of each budget's row."""
    table = Table("landscape", "proposer", *(f"{probes} probes" for probes in budgets), "seeds", title=title)
    said = SAID[title]
    cells = {(row.landscape, row.proposer, row.probes): row for row in rows}
    for name, proposer in dict.fromkeys((row.landscape, row.proposer) for row in rows):
        own = [cells.get((name, proposer, probes)) for probes in budgets]
        texts = (said(row) if row else "not run" for row in own)
        counts = sorted({row.seeds for row in own if row})
        table.add_row(name, proposer, *texts, " to ".join(f"{count}" for count in (counts[:1] + counts[1:][-1:])))
    return table


def ceilings_table(found: Sequence[Ceiling]) -> Table:
    """Return what could be had at most of the miniature's landscape, with our nights' largest confirmation."""
    heads = ("the best", "worth most as a claim", "easiest to claim from the best peer's median on")
    table = Table("of all recipes of the miniature", "confirmed with", *heads)
    for limits in found:
        recipes = ((limits.best, limits.best_claimed), (limits.safest, limits.safest_claimed))
        cells = (f"{value:+.2f}, claimed {chance:.2f}" for value, chance in recipes)
        above = f"from {limits.level:+.2f}, claimed {limits.level_claimed:.2f}"
        table.add_row(f"{limits.probes} probes", f"{limits.confirm_probes}", *cells, above)
    return table


def fit_table(fit: Fit) -> Table:
    """Return the surrogate's quality."""
    table = Table("the surrogate on trials left out", "")
    for name, value in asdict(fit).items():
        table.add_row(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else f"{value}")
    return table


def main(
    data: Annotated[Path | None, typer.Option(help="Folder of the public trials.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Nights of each proposer.")] = 50,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first night.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="Proposer; repeatable.")] = None,
    landscapes: Annotated[list[str] | None, typer.Option("--landscape", help="Landscape; repeatable.")] = None,
    probes: Annotated[list[int] | None, typer.Option(min=20, help="Budget; repeatable.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
    play: Annotated[bool, typer.Option(help="Play what is missing; else say what earlier runs left.")] = True,
) -> None:
    """Print and write the bench."""
    if unknown := set(only or ()) - set(NAMES):
        raise typer.BadParameter(f"no proposer {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    offered = ["miniature", *(["automl"] if data else [])]
    names = [name for name in offered if not landscapes or name in landscapes]
    budgets, span = tuple(sorted(probes or BUDGETS)), range(first_seed, first_seed + seeds)
    fit = quality(data) if data is not None and "automl" in names else None
    out.mkdir(parents=True, exist_ok=True)
    known, groups = Known(out / "proposers_runs.jsonl", data), [(n, who) for n in names for who in only or NAMES]
    if play:
        play_all([Run(*group, seed) for seed in span for group in groups], budgets, jobs, data, known)
    rows = rows_of(groups, budgets, span, known)
    path = out / "proposers.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    if fit is not None:
        (out / "proposers_fit.json").write_text(json.dumps([asdict(fit)], indent=1) + "\n", encoding="utf-8")
    left_out = [] if data else ["no --data: the surrogate of public trials is left out"]
    fitted = [fit_table(fit)] if fit is not None else []
    figures = [rows_table(rows, budgets, title) for title in SAID]
    peers = [row for row in rows if row.landscape == "miniature" and row.proposer != OURS]
    asked = sorted({row.probes for row in peers})
    medians = {probes: max(row.value for row in peers if row.probes == probes) for probes in asked}
    limits = [ceilings_table(ceilings(open_miniature(), medians))] if medians else []
    tables = [*fitted, *figures, leads_table(rows, span, known), *limits]
    show_view([*tables, *left_out, f"{path}: {len(rows)} rows"])


if __name__ == "__main__":
    typer.run(main)
