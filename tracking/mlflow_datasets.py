"""What a probe read, as MLflow datasets: training files and items, by name and digest. MLflow is not loaded here.

Columns and row counts are read from the files where they are still there; a store rebuilt elsewhere goes without.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from probes.request import FileRef, ProbeRequest

_TYPES = {"bool": "boolean", "int": "long", "float": "double"}
"""Ours → MLflow's; everything else is text to it."""


class DatasetRow(NamedTuple):
    """One dataset of a run."""

    name: str
    digest: str
    path: str
    context: str
    """What it was for: `training`, `search` or `held_out`."""
    schema: str | None
    """Columns as MLflow's JSON; None: not known."""
    profile: str | None
    """Number of rows as JSON; None: not known."""


def datasets_of(request: ProbeRequest) -> list[DatasetRow]:
    """Return what a probe trained on and was asked; the base alone is not trained."""
    train = [] if request.control == "base" else [_row(file, "training") for file in request.train]
    return [*train, _row(request.suite, request.split)]


def _row(file: FileRef, context: str) -> DatasetRow:
    schema, profile = _described(file.path, file.digest)
    return DatasetRow(Path(file.path).name, file.digest, file.path, context, schema, profile)


@lru_cache(maxsize=64)
def _described(path: str, digest: str) -> tuple[str | None, str | None]:
    """Return schema and profile of a file of JSON lines; the digest keeps a changed file from being taken for it."""
    del digest
    try:
        with Path(path).open(encoding="utf-8") as file:
            first = file.readline()
            rows = sum(1 for line in file if line.strip()) + bool(first.strip())
        row: Any = json.loads(first)
    except (OSError, ValueError):
        return None, None
    columns = [{"type": _type_of(value), "name": name, "required": False} for name, value in row.items()]
    return json.dumps({"mlflow_colspec": columns}), json.dumps({"num_rows": rows})


def _type_of(value: object) -> str:
    return _TYPES.get(type(value).__name__, "string")
