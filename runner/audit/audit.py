"""One audit: read a source, estimate its noise, judge its wins, say what is wrong with its rule, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from probes.errors import ConfigError, DataError
from probes.frozen import Frozen
from probes.statistics.audit import (
    LEVEL,
    Direction,
    RepeatNoise,
    Trial,
    Win,
    by_config,
    comparisons,
    judge,
    judge_wins,
    repeat_noise,
    undecided_discards,
)
from runner.audit.columns import find_columns
from runner.audit.faults import Fault, find_faults
from runner.audit.nights import block_wins, ledger_of, night_trials, read_night
from runner.audit.sentence import audit_sentence, noise_words
from runner.audit.table import Table, read_table, table_of
from runner.audit.trials import read_trials, scores
from runner.audit.words import plain
from tracking.figures import show, show_count
from tracking.probe_table import INVALIDATED

_OUR_PARAM = "params.recipe.fingerprint"
_OUR_COLUMNS = {"probe", "arm", "phase", "split", "constraint_ok", "key"}
LEAST_RUNS = 2
"""Fewer scored runs compare nothing."""


class Audit(Frozen):
    """What can be said about one source."""

    source: str
    metric: str
    direction: Direction
    direction_reason: str
    digits: int
    """Decimals with which the source writes its metric."""
    rows: int
    missing: int
    """Rows without a score: crashes."""
    tries: int
    """Distinct changes that were held against something."""
    kept: int
    """Kept wins that can be judged; a first row or baseline is none."""
    noise: RepeatNoise
    wins: tuple[Win, ...]
    in_all: Win | None
    """The last kept state against the first, when there is more than one win."""
    undecided_discards: int | None
    faults: tuple[Fault, ...]
    cannot_accept: bool
    """Whether the loop's own rule could not have accepted anything."""
    notes: tuple[str, ...]
    sentence: str


def audit_path(path: Path, metric: str | None, direction: Direction | None) -> Audit:
    """Audit a results file or one of our session folders.

    Raises:
        ConfigError: a column or the direction is missing; the message says what to give.
        DataError: the file cannot be read or has no rows.
    """
    ledger = ledger_of(path)
    if ledger is not None:
        return audit_night(ledger, metric, direction)
    if path.is_dir():
        raise ConfigError(f"`{path}` is a folder without a ledger; name a results file or a session folder")
    return audit_table(read_table(path), metric, direction)


def audit_table(table: Table, metric: str | None, direction: Direction | None, remarks: Sequence[str] = ()) -> Audit:
    """Audit a table of runs; `remarks` join its notes; raises as `audit_path`."""
    notes = list(remarks)
    if set(table.columns) >= _OUR_COLUMNS:
        notes.append("A results table of nightlab: its ledger tells more; audit the session's folder.")
        table, gone = _without_invalidated(table)
        notes += [f"{show_count(gone, 'row')} of invalidated probes left out."] if gone else []
    columns = find_columns(table, metric, direction)
    reading = read_trials(table, columns)
    values, zeros = scores(table, columns.metric)
    if columns.status is None:
        same = " of the same conditions" if columns.conditions else ""
        notes.append(
            f"No column says what was kept: every configuration with a better mean than the first{same} is a win."
        )
    if reading.seed_only:
        rows = f"{show_count(reading.seed_only, 'row')} say{'s' if reading.seed_only == 1 else ''}"
        notes.append(f"{rows} that only the seed changed: taken as repeats of the recipe then kept.")
    if reading.moved_repeats:
        rows = f"{show_count(reading.moved_repeats, 'row')} repeat{'s' if reading.moved_repeats == 1 else ''}"
        notes.append(f"{rows} an earlier description on another working recipe: not counted as repeats of it.")
    faults = find_faults(table, columns, values, zeros)
    cells = table.values(columns.metric)
    digits = min(6, max(2, *(len(cell.partition(".")[2]) for cell in cells if "e" not in cell.lower()), 0))
    return _audit(
        table.name, columns.metric, columns.direction, columns.direction_reason, digits, reading.trials, faults, notes
    )


def _without_invalidated(table: Table) -> tuple[Table, int]:
    """Return one of our tables without the probes that no longer count, and how many those were.

    Raises:
        DataError: none is left.
    """
    kept = [i for i, row in enumerate(table.rows) if row.get("verdict") != INVALIDATED]
    if not kept:
        raise DataError(f"every probe in `{table.name}` was invalidated; `nightlab resume` measures them again")
    rows, lines = tuple(table.rows[i] for i in kept), tuple(table.lines[i] for i in kept)
    return replace(table, rows=rows, lines=lines), len(table.rows) - len(kept)


def audit_night(ledger: Path, metric: str | None, direction: Direction | None) -> Audit:
    """Audit one of our own nights; raises as `audit_path`."""
    if direction == "min":
        raise ConfigError(f"`{ledger}`: scores of nightlab are points, higher is better; leave out `--direction min`")
    night = read_night(ledger)
    name = metric or night.target
    trials, notes = night_trials(night, name), ["A ledger of nightlab."]
    in_blocks = sum(len(block.factors) for block in night.blocks)
    together = block_wins(night, name, repeat_noise(trials), in_blocks + len(comparisons(trials)))
    if together:
        notes.append(
            "Changes of a block were run several at once: the probes with each are held against the probes without it."
        )
    why = "scores are points"
    return _audit(ledger.resolve().parent.name, name, "max", why, 2, trials, (), notes, together, in_blocks)


def audit_mlflow(uri: str, experiment: str, metric: str | None, direction: Direction | None) -> Audit:
    """Audit the runs of an MLflow experiment: params are the recipe, `seed` apart.

    Raises:
        ConfigError: the experiment is not there or empty, or as `audit_path`.
        LaunchError: the store cannot be reached.
    """
    from tracking.mlflow_reading import read_runs

    place = _local_place(uri)
    if place is not None and not place.exists():
        raise ConfigError(f"MLflow store `{uri}`: there is no `{place}`; mend `--mlflow-uri`")
    rows = read_runs(uri, experiment)
    if not rows:
        raise ConfigError(f"MLflow experiment `{experiment}` has no runs; name another with `--experiment`")
    table = table_of(f"MLflow experiment {experiment}", rows)
    ours = ("Runs of nightlab: their ledger tells more; audit the session's folder.",)
    return audit_table(table, metric, direction, ours if _OUR_PARAM in table.columns else ())


def _audit(
    source: str,
    metric: str,
    direction: Direction,
    direction_reason: str,
    digits: int,
    trials: Sequence[Trial],
    faults: tuple[Fault, ...],
    notes: list[str],
    together: tuple[Win, ...] = (),
    in_blocks: int = 0,
) -> Audit:
    if sum(trial.value is not None for trial in trials) < LEAST_RUNS:
        raise ConfigError(
            f"`{source}` has one scored run: there is nothing to hold it against; an audit needs at least {LEAST_RUNS}"
        )
    noise = repeat_noise(trials)
    wins = (*together, *judge_wins(trials, noise, direction))
    tries = len(comparisons(trials)) + in_blocks
    in_all = _in_all(trials, noise, direction)
    cannot = not any(trial.kept for trial in trials) and any(fault.blocks for fault in faults)
    better = "lower" if direction == "min" else "higher"
    notes = [f"Metric `{metric}`, {better} is better ({direction_reason}).", *notes]
    notes.append(noise_words(noise))
    if noise.sd is not None and tries > 1:
        notes.append(
            f"Each win is judged by itself at one-sided {show(LEVEL, 'share')}: of {tries:,} tries, about "
            f"{LEVEL * tries:.2g} would survive if none did anything."
        )
    if any(win.runs_a_side is not None for win in wins):
        notes.append(
            "Runs a side to know: of each of the two recipes, for a true effect of that size to be seen four times in "
            "five; in brackets at the ends of the noise's interval. Gains that were selected are rather too large, so "
            "the counts are a least."
        )
    if len(wins) >= 3 and all(win.gain is not None and win.gain < 0 for win in wins):
        notes.append("Every kept row is worse than what it was held against: is `--direction` the right way round?")
    undecided = undecided_discards(trials, noise)
    if undecided:
        are = f"{show_count(undecided, 'discarded change')} {'is' if undecided == 1 else 'are'}"
        notes.append(f"{are} within noise too: not shown to be worse.")
    clean = tuple(win.model_copy(update={"label": plain(win.label)}) for win in wins)
    return Audit(
        source=plain(source),
        metric=plain(metric),
        direction=direction,
        direction_reason=direction_reason,
        digits=digits,
        rows=len(trials),
        missing=sum(trial.value is None for trial in trials),
        tries=tries,
        kept=len(wins),
        noise=noise,
        wins=clean,
        in_all=in_all,
        undecided_discards=undecided,
        faults=faults,
        cannot_accept=cannot,
        notes=tuple(plain(note, 400) for note in notes),
        sentence=audit_sentence(plain(source), noise, clean, in_all, tries, faults if cannot else ()),
    )


def _local_place(uri: str) -> Path | None:
    """Return the file or folder that a store on this machine lies in: reading must not make a new one."""
    scheme, found, rest = uri.partition(":")
    if scheme == "sqlite":
        return Path(rest.partition("?")[0].removeprefix("///"))
    if scheme == "file":
        return Path(rest.removeprefix("//"))
    return Path(uri) if not found and "/" in uri else None


def _in_all(trials: Sequence[Trial], noise: RepeatNoise, direction: Direction) -> Win | None:
    """Return the last kept state held against what the first win was held against, under equal conditions."""
    chain = [
        trial for trial in trials if trial.kept and trial.reference is not None and trial.reference != trial.config
    ]
    chain = [trial for trial in chain if trial.conditions == chain[0].conditions]
    if len({trial.reference for trial in chain}) < 2 or chain[0].reference is None:
        return None
    return judge("first to last kept", chain[-1].config, chain[0].reference, by_config(trials), noise, direction)
