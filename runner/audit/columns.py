"""Which column of a foreign table means what: the metric and its direction, the verdict, what was run, the conditions.

Names decide only where they are unmistakable; otherwise the caller must say, and the error lists the choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from probes.errors import ConfigError
from probes.statistics.audit import Direction
from runner.audit.table import Table, number_of

KEPT = frozenset({"keep", "kept", "accept", "accepted", "promote", "promoted", "improved", "win", "true"})
DROPPED = frozenset({"discard", "discarded", "reject", "rejected", "revert", "reverted", "park", "more", "false"})
FAILED = frozenset(
    {
        "crash",
        "crashed",
        "fail",
        "failed",
        "failure",
        "error",
        "oom",
        "out_of_memory",
        "timeout",
        "timed_out",
        "diverged",
        "killed",
        "nan",
    }
)

_STATUS = ("status", "decision", "accepted", "kept")
_DESCRIPTION = (
    "description",
    "change",
    "experiment",
    "hypothesis",
    "name",
    "config",
    "recipe",
    "group",
    "arm",
    "variant",
)
_COMMIT = ("commit", "sha", "revision", "commit_hash")
_CONDITIONS = ("steps", "max_steps", "run_mode", "mode", "suite", "suite_version", "split", "budget", "time_budget")
_CONFIG_PREFIXES = ("recipe.", "config.", "params.", "hyperparameters.", "hparams.", "args.")
_SIDE = re.compile(
    r"mem(ory)?(_|$)|_(gb|gib|mb|mib|ms|s|h|usd)$|second|time|date|step|epoch|seed|replicate|attempt|index|tokens|cost|"
    r"price|critical|regress|delta|penalty|probe|trial|number|^id$|^run$|count|^n_|_id$|std|stderr|^lr$|learning_rate",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"mem(ory)?(_|$)|second|time|date|_s$|cost|usd|^status$|^id$|_id$|^run$|^index$|^metrics\.|(^|_)(raw|corrected)$",
    re.I,
)
"""Columns of rows without a description that are surely not settings; any other that varies keeps rows apart.
Raw and corrected are two forms of one judged score: where one is the metric the other is no setting and no stand-in."""
_NAMED = ("metric", "metrics.metric", "value", "target", "objective")
_LOWER = re.compile(
    r"(^|[._/\s])(val_)?(loss|bpb|bpc|perplexity|ppl|nll|error|err|wer|cer|mse|mae|rmse|regret|latency)\b|(_|\.)(loss|bpb|ppl|wer|error)$",
    re.I,
)
_HIGHER = re.compile(r"acc(uracy)?\b|reward|score|overall|f1|bleu|rouge|pass(@|_at_|_rate)|win_rate|auc|target$", re.I)
_LEAST_KEEPS = 3


@dataclass(frozen=True)
class Columns:
    """The roles of a table's columns."""

    metric: str
    direction: Direction
    direction_reason: str
    status: str | None
    description: str | None
    commit: str | None
    conditions: tuple[str, ...]
    config: tuple[str, ...]
    """Columns that together say what was run, where the rows carry a whole configuration."""

    def is_kept(self, cell: str) -> bool:
        """Return whether a status cell says that the run was kept."""
        return cell.strip().lower() in KEPT


def find_columns(table: Table, metric: str | None, direction: Direction | None) -> Columns:
    """Return the roles of a table's columns; `metric` and `direction` as the caller gave them.

    Raises:
        ConfigError: the metric or its direction is not given and cannot be told, or the metric is no number.
    """
    config = tuple(name for name in table.columns if name.startswith(_CONFIG_PREFIXES) and not _is_seed(name))
    if metric is not None and metric not in table.columns and f"metrics.{metric}" in table.columns:
        metric = f"metrics.{metric}"
    name = metric if metric is not None else _metric(table, config)
    _require_numbers(table, name)
    status = _first(table, _STATUS)
    if status is not None and not {cell.lower() for cell in table.values(status)} & (KEPT | DROPPED):
        status = next((n for n in _STATUS[1:] if n in table.columns), None)
    way, why = (direction, "as given") if direction is not None else _direction(table, name, status)
    description, commit = _first(table, tuple(n for n in _DESCRIPTION if n != name)), _first(table, _COMMIT)
    if not config and description is None and commit is None:
        config = tuple(
            n for n in table.columns if n not in (name, status) and not _is_seed(n) and not _MEASURED.search(n)
        )
    return Columns(
        metric=name,
        direction=way,
        direction_reason=why,
        status=status,
        description=description,
        commit=commit,
        conditions=tuple(n for n in table.columns if n.lower().rpartition(".")[2] in _CONDITIONS and n != name),
        config=config,
    )


def failed(table: Table, row: int) -> bool:
    """Return whether any status column of a row says that the run failed."""
    return any(table.rows[row].get(name, "").strip().lower() in FAILED for name in ("status", "state", "outcome"))


def _metric(table: Table, config: tuple[str, ...]) -> str:
    numeric = [name for name in table.columns if table.numbers(name) is not None and name not in config]
    likely = [name for name in numeric if not _SIDE.search(name.removeprefix("metrics."))]
    with_delta = [name for name in likely if f"{name}_delta" in table.columns]
    named = [name for name in _NAMED if name in likely]
    for choice in (with_delta, likely if len(likely) == 1 else [], named[:1]):
        if len(choice) == 1:
            return choice[0]
    if not numeric:
        raise ConfigError(
            f"`{table.name}` has no column of numbers to audit (columns: {', '.join(table.columns)}); "
            "each row needs the run's score"
        )
    raise ConfigError(
        f"`{table.name}`: which column is the metric cannot be told; name it with `--metric`, one of "
        f"{', '.join(likely or numeric)}"
    )


def _require_numbers(table: Table, name: str) -> None:
    if name not in table.columns:
        raise ConfigError(
            f"`{table.name}` has no column `{name}`; `--metric` must be one of {', '.join(table.columns)}"
        )
    for line, cell in zip(table.lines, table.values(name), strict=True):
        try:
            number_of(cell)
        except ValueError:
            raise ConfigError(
                f"`{table.name}` line {line}: `{name}` must be a number, empty or N/A, got {cell[:60]!r}; mend it "
                "or name another column with `--metric`"
            ) from None
    if table.numbers(name) is None:
        raise ConfigError(f"`{table.name}`: column `{name}` is empty in every row; name another with `--metric`")


def _direction(table: Table, metric: str, status: str | None) -> tuple[Direction, str]:
    if _LOWER.search(metric):
        return "min", f"`{metric}` names a loss"
    if _HIGHER.search(metric):
        return "max", f"`{metric}` names a score"
    for name in table.columns:
        values = [v for v in table.numbers(name) or [] if v is not None] if "regression" in name.lower() else []
        if values and max(values) <= 0 and min(values) < 0:
            return "max", f"`{name}` counts falls as regressions"
    if status is not None:
        kept = [
            value
            for cell, value, row in zip(
                table.values(status), table.numbers(metric) or [], range(len(table.rows)), strict=True
            )
            if cell.lower() in KEPT and value is not None and not failed(table, row)
        ]
        moves = [after - before for before, after in pairwise(kept)]
        if len(moves) >= _LEAST_KEEPS and (all(m < 0 for m in moves) or all(m > 0 for m in moves)):
            way: Direction = "min" if moves[0] < 0 else "max"
            return way, f"every kept row is {'lower' if way == 'min' else 'higher'} than the one before"
    raise ConfigError(
        f"`{table.name}`: whether a lower or a higher `{metric}` is better cannot be told; say `--direction min` or "
        "`--direction max`"
    )


def _first(table: Table, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _is_seed(name: str) -> bool:
    return re.search(r"(^|[._])seed$", name, re.IGNORECASE) is not None
