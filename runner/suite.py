"""What `nightlab suite` works on: the suite of some files or of a session, checked, counted, or split on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from probes.data.rows import read_rows
from probes.errors import ConfigError, DataError
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item, lines_of, read_suite, scan_suite, split_items, suite_digest
from probes.evaluation.suites.check import SuiteCheck, check_suite
from probes.recipe import Objective
from runner.inputs import HELD_OUT_FILE, SEARCH_FILE, find_files
from runner.overrides import load_session
from runner.surroundings import Surroundings

HELD_OUT, SEED = 0.5, 0


class SuiteSource(NamedTuple):
    """Where a suite comes from."""

    files: tuple[str, ...]
    scorer: Scorer | None = None
    """For items without one of their own; only a session has it."""
    train: tuple[str, ...] = ()
    """The session's training rows."""
    objective: Objective = "sft"
    """How training rows are read; `sft` reads the prompt of rows of either kind."""
    held_out: float | None = HELD_OUT
    """Share; None: the session names files."""
    seed: int = SEED


class SplitSide(NamedTuple):
    """One written side of a split."""

    path: Path
    items: tuple[Item, ...]

    @property
    def version(self) -> str:
        """Digest of its items."""
        return suite_digest(self.items)

    @property
    def counts(self) -> dict[str, int]:
        """Category → items."""
        return dict(Counter(item.category for item in self.items))


def open_source(files: Sequence[Path], around: Surroundings) -> SuiteSource:
    """Return the suite of JSONL files, or of the one session file that is named.

    Raises:
        ConfigError: a session file is named beside others, or is not valid.
    """
    sessions = [file for file in files if file.suffix.lower() == ".toml"]
    if not sessions:
        return SuiteSource(tuple(map(str, files)))
    if len(files) > 1:
        raise ConfigError(f"`{sessions[0]}` is a session and names its suite itself; give it alone, or JSONL files")
    config = load_session(sessions[0], ())
    with around.console.status("looking for the suite"):
        found = find_files(config, around.cache_root, lambda stage, fraction: None)
    share = found.held_out if isinstance(found.held_out, float) else None
    return SuiteSource(found.suite, found.scorer, found.train, config.recipe.objective, share, config.seed)


def check_source(source: SuiteSource, train: Sequence[str] = ()) -> SuiteCheck:
    """Check a suite, against its session's training rows and those of `train`.

    Raises:
        DataError: a file cannot be read, or a training row is bad.
    """
    files = tuple(dict.fromkeys((*source.train, *train)))
    rows = read_rows(files, source.objective) if files else ()
    return check_suite(scan_suite(source.files, source.scorer), rows)


def read_source(source: SuiteSource) -> tuple[Item, ...]:
    """Return the items of a suite.

    Raises:
        DataError: an item is bad; see `read_suite`.
    """
    return read_suite(source.files, source.scorer)


def write_split(source: SuiteSource, share: float | None, seed: int | None, out: Path) -> tuple[SplitSide, SplitSide]:
    """Write `search.jsonl` and `held_out.jsonl` into `out`, as a session would; return both sides.

    Args:
        source: The suite.
        share: Part to hold out; None: the source's.
        seed: None: the source's.
        out: Folder, made when it is not there; files in it are never overwritten.

    Raises:
        ConfigError: the suite is split already, or `out` has such a file.
        DataError: an item is bad, a side would be empty, or `out` cannot be written.
    """
    share = share if share is not None else source.held_out
    if share is None:
        raise ConfigError("the session's `suite.held_out` names files, so its suite is split already; name other files")
    items = read_source(source)
    sides = split_items(items, share, source.seed if seed is None else seed)
    paths = (out / SEARCH_FILE, out / HELD_OUT_FILE)
    for path, side in zip(paths, sides, strict=True):
        if not side:
            raise DataError(f"a held-out share of {share:g} leaves no items for `{path.name}`; change `--held-out`")
        if path.exists():
            raise ConfigError(f"`{path}` is there already and is not overwritten; name another `--out`")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, side in zip(paths, sides, strict=True):
            with path.open("xb") as file:
                file.write(lines_of(source.files, {item.id for item in side}, source.scorer))
    except OSError as error:
        raise DataError(f"`{out}` cannot be written: {error.strerror}; name another `--out`") from error
    search, held_out = (SplitSide(path, side) for path, side in zip(paths, sides, strict=True))
    return search, held_out
