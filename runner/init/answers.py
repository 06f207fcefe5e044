"""What the user said, checked at once: each reader takes text and returns a value, or says what is wrong with it.

A folder of weights and the lines of data and suite are read as a night would read them; a hub name is only looked at
for its form, since the check that follows fetches it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

from probes.base_model import check_folder
from probes.errors import ConfigError
from probes.language_models.config import Provider
from probes.recipe import Objective
from probes.words import did_you_mean
from runner.overrides import MINIATURE
from runner.planning import AUTO

OVERALL = "overall"
JUDGED: dict[str, Any] = {"components": [{"kind": "judge", "weight": 1.0}]}
"""Scorer of a suite whose items bring none: a language model marks them."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_HOURS = 24.0 * 366


class TrainingData(NamedTuple):
    """Training files and what is in them."""

    files: tuple[Path, ...]
    objective: Objective = "orpo"
    """What the rows can be used for: pairs for `orpo` (or `dpo`), answers alone for `sft`."""
    rows: int = 0


class Suite(NamedTuple):
    """Suite files and what is in them."""

    files: tuple[Path, ...]
    categories: dict[str, int]
    """Category → items."""
    needs_judge: bool = False
    """Whether items bring no scorer of their own."""


class JudgeName(NamedTuple):
    """A language model that marks answers."""

    provider: str
    model: str


class Answers(NamedTuple):
    """Everything a session file is written from."""

    name: str
    model: str
    data: TrainingData | None
    """None: the miniature's own."""
    suite: Suite | None
    """None: the miniature's own."""
    target: str
    hours: float
    judge: JudgeName | None = None
    device_hour: float | None = None


def read_name(text: str) -> str:
    """Return a session's name."""
    if not _NAME.fullmatch(text):
        raise ConfigError(
            f"`--name` must be up to 64 letters, digits, dots, dashes or underscores, got `{text}`; its folders are "
            "called results/<name>-<time>"
        )
    return text


def read_model(text: str) -> str:
    """Return `miniature`, the absolute path of a model folder, or a hub name."""
    if text == MINIATURE:
        return text
    folder = Path(text).expanduser()
    if folder.is_dir() or text.startswith((".", "/", "~")) or text.count("/") > 1:
        check_folder(folder)
        return str(folder.resolve())
    if not _HUB_NAME.fullmatch(text):
        raise ConfigError(
            f"`--model` must be `{MINIATURE}`, a model folder or a hub name such as Qwen/Qwen3-8B, got `{text}`"
        )
    return text


def read_data(files: Sequence[str]) -> TrainingData:
    """Return training files whose rows can be trained on."""
    from probes.data.rows import read_rows

    paths = _paths(files, "--data")
    objective: Objective = "orpo" if _has_pairs(paths[0]) else "sft"
    return TrainingData(paths, objective, len(read_rows(paths, objective)))


def read_suite_files(files: Sequence[str]) -> Suite:
    """Return suite files whose items can be asked and scored, if need be by a judge."""
    from probes.evaluation.scorers.scorer import Scorer
    from probes.evaluation.suite import read_suite, scan_suite

    paths = _paths(files, "--suite")
    needs_judge = bool(scan_suite(paths).problems)
    items = read_suite(paths, Scorer.model_validate(JUDGED) if needs_judge else None)
    return Suite(paths, dict(sorted(Counter(item.category for item in items).items())), needs_judge)


def read_target(text: str, suite: Suite | None) -> str:
    """Return the target; a category must be one of the suite's."""
    if text in (AUTO, OVERALL) or suite is None or text in suite.categories:
        return text
    known = [*suite.categories, OVERALL, AUTO]
    raise ConfigError(f"`--target` must be a category of the suite, got `{text}`: {did_you_mean(text, known)}")


def read_hours(text: str) -> float:
    """Return the hours of a night."""
    hours = _number(text, "--hours")
    if not 0 < hours <= _MOST_HOURS:
        raise ConfigError(f"`--hours` must be above 0 and at most {_MOST_HOURS:g}, got {text}")
    return hours


def read_rate(text: str) -> float | None:
    """Return the USD for an hour of a device; nothing said is None."""
    if not text:
        return None
    rate = _number(text, "--device-hour")
    if rate < 0:
        raise ConfigError(f"`--device-hour` must be 0 or more USD, got {text}; leave it out to count no dollars")
    return rate


def read_judge(text: str) -> JudgeName:
    """Return the judge of `provider:model`."""
    provider, _, model = text.partition(":")
    if provider not in get_args(Provider) or not model:
        raise ConfigError(
            f"`--judge` must be provider:model with one of {', '.join(get_args(Provider))}, got `{text}`; for example "
            "anthropic:claude-haiku-4-5"
        )
    return JudgeName(provider, model)


def split_files(text: str) -> list[str]:
    """Return the file names in one line, quoted where they hold spaces."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"`{text}` cannot be read as file names: {error}; close the quotes") from error


def _paths(files: Sequence[str], flag: str) -> tuple[Path, ...]:
    if not files:
        raise ConfigError(f"`{flag}` must name at least one JSONL file; only the miniature brings its own")
    return tuple(Path(name).expanduser().resolve() for name in files)


def _has_pairs(path: Path) -> bool:
    """Return whether the first row that can be read has a rejected answer; a file that cannot is told later."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                if line.strip():
                    row: Any = json.loads(line)
                    return isinstance(row, dict) and cast("dict[str, Any]", row).get("rejected") is not None
    except (OSError, ValueError):
        return True
    return True


def _number(text: str, flag: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise ConfigError(f"`{flag}` must be a number, got `{text}`")
    return number
