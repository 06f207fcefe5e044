"""What early stopping would have done to finished nights: `python -m runner.stopping results/<session>...`.

Replays each night's search at several false-stop rates, as if `probe.early_stop` had been on: how many recipes that
were not hopeless it would have stopped, how many hopeless ones, and the training steps saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from agent.early_stop import SearchProbes, as_curve, hopeless_below
from probes.statistics.early_stop import FalseStops, replayed
from probes.statistics.intervals import wilson
from runner.folder import SessionFolder
from runner.session import recorded_config
from tracking.figures import show_interval
from tracking.night import NightRecord

RATES = (0.05, 0.1, 0.2)
app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def main(nights: list[Path]) -> None:
    """Print what each false-stop rate would have done to the nights together."""
    counts: dict[float, list[FalseStops]] = {rate: [] for rate in RATES}
    for path in nights:
        folder = SessionFolder(path)
        night = folder.load()
        calibration_runs = recorded_config(night, folder).referee.calibration_runs
        for rate, own in counts.items():
            own += [count for count in [replay_night(night, calibration_runs, rate)] if count is not None]
    typer.echo(stops_table({rate: pooled(own) for rate, own in counts.items()}))


def replay_night(night: NightRecord, calibration_runs: int, rate: float) -> FalseStops | None:
    """Return what stopping at `rate` would have done to one night; None when its calibration is incomplete."""
    floor = hopeless_below(night, night.target, calibration_runs)
    if floor is None:
        return None
    curves = [curve for probe in SearchProbes().look(night) if (curve := as_curve(probe, night.target)) is not None]
    return replayed(curves, rate, floor)


def pooled(counts: list[FalseStops]) -> FalseStops | None:
    """Return the counts of several nights together, None without any."""
    if not counts:
        return None
    names = ("good", "good_stopped", "hopeless", "hopeless_stopped", "steps", "steps_saved")
    total = {name: sum(getattr(count, name) for count in counts) for name in names}
    return FalseStops(**total, interval=wilson(total["good_stopped"], total["good"]))


def stops_table(counts: Mapping[float, FalseStops | None]) -> str:
    """Return one line per false-stop rate."""
    lines = ["| early stopping at rate | good recipes stopped [90 %] | hopeless ones stopped | training steps saved |"]
    lines.append("|---|---|---|---|")
    for rate, count in counts.items():
        cells = ("never armed", "–", "–")
        if count is not None and count.good + count.hopeless:
            share = show_interval(count.interval, "probability")
            cells = (
                f"{count.good_stopped} of {count.good} {share}",
                f"{count.hopeless_stopped} of {count.hopeless}",
                f"{count.steps_saved} of {count.steps} ({count.steps_saved / count.steps:.1%})",
            )
        lines.append(f"| {rate:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    app()
