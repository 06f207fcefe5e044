"""What `nightlab data` works on: the training rows and the mix of some files, or of a session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from probes.data.manifest import load_manifest
from probes.data.rows import Row, read_rows
from probes.errors import ConfigError
from probes.recipe import DataMix, Objective
from runner.inputs import find_files
from runner.overrides import load_session
from runner.surroundings import Surroundings


class DataSource(NamedTuple):
    """Training rows, read and checked, and what is made of them."""

    rows: tuple[Row, ...]
    objective: Objective
    mix: DataMix
    seed: int = 0
    guards: tuple[str, ...] = ()
    """Categories that the session names as guards."""


def open_data(
    files: Sequence[Path], manifest: Path | None, objective: Objective | None, around: Surroundings
) -> DataSource:
    """Return the rows of JSONL files, or of the one session file that is named.

    Args:
        files: JSONL files, or one session.
        manifest: A mix in place of the session's; None: the session's, or none.
        objective: How files are read, pairs if it is None; a session says so itself.
        around: Where a session's files are looked for.

    Raises:
        ConfigError: a session file is named beside others or with an objective, or is not valid.
        DataError: a row or the manifest is bad.
    """
    mix = load_manifest(manifest) if manifest is not None else None
    sessions = [file for file in files if file.suffix.lower() == ".toml"]
    if not sessions:
        asked: Objective = objective or "orpo"
        return DataSource(read_rows(files, asked), asked, mix or DataMix())
    if len(files) > 1 or objective is not None:
        raise ConfigError(
            f"`{sessions[0]}` is a session and names its rows and its objective itself; give it alone, or JSONL files"
        )
    config = load_session(sessions[0], ())
    with around.console.status("looking for the rows"):
        found = find_files(config, around.cache_root, lambda stage, fraction: None)
    recipe, guards = config.recipe, config.guards.categories or ()
    return DataSource(
        read_rows(found.train, recipe.objective), recipe.objective, mix or recipe.mix, config.seed, guards
    )
