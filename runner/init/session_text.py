"""The session file that `nightlab init` writes: what was answered, and beside it what else can be said and why.

Keys that stand commented out are valid as they are: a test takes every comment sign away and reads the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple, cast

from probes.errors import ConfigError
from runner.init.answers import JUDGED, Answers
from runner.overrides import MINIATURE
from runner.planning import AUTO
from tracking.commands import command

_COLUMN, _WIDEST = 34, 110


class _Defaults(NamedTuple):
    """Where a first night of a kind of model begins."""

    learning_rate: float
    rank: int
    batch_size: int
    gradient_accumulation: int
    max_length: int
    steps: int
    deadline_s: float
    probes: int
    max_new_tokens: int
    generation: tuple[tuple[str, Any], ...] = ()


_ORDINARY = _Defaults(2e-5, 16, 1, 4, 2048, 300, 3600.0, 120, 512)
_MINIATURE = _Defaults(2e-3, 16, 8, 1, 96, 50, 120.0, 60, 28, (("temperature", 0.8), ("top_p", 1.0), ("top_k", 0)))


def session_text(answers: Answers, file: Path) -> str:
    """Return the session file for `answers`, with paths relative to `file` where they lie beside it."""
    defaults = _MINIATURE if answers.model == MINIATURE else _ORDINARY
    sections = (
        _head(answers, file),
        _inputs(answers, file.resolve().parent),
        _suite(answers, file.resolve().parent, defaults),
        _aim(answers),
        _recipe(answers, defaults),
        _lanes(),
        _budget(answers, defaults),
        _rest(),
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def write_session(file: Path, text: str | None, force: bool) -> None:
    """Write a session file; None only looks whether it could be written.

    Raises:
        ConfigError: it is there and `force` is not given, or it cannot be written.
    """
    if file.exists() and not force:
        raise ConfigError(f"`{file}` is there already and is not overwritten; name another file, or give --force")
    if file.is_dir() or not file.parent.is_dir():
        raise ConfigError(f"`{file}` cannot be written: it must be a file in a folder that is there; make the folder")
    if text is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"`{file}` cannot be written: {error.strerror}; name another file") from error


def _head(answers: Answers, file: Path) -> list[str]:
    return [
        "# One night of nightlab. Written by `nightlab init`; every line is yours to change.",
        "# A line like `# key = value` shows a default or an example: take the `#` away to use it.",
        f"#   {command('check', file.name)}       what this night could see, before any money is spent",
        f"#   {command('run', file.name)}         the night; --detach puts it into the background",
        f"#   {command('simulate', file.name)}    what this budget would find, miss and claim wrongly",
        "",
        _key("name", answers.name, "folders are called results/<name>-<time>"),
        _key("seed", 0, "every random number of the night derives from it"),
    ]


def _inputs(answers: Answers, folder: Path) -> list[str]:
    lines = ["[model]", _key("base", _model(answers.model, folder), "a folder, a hub name, or miniature")]
    lines.append(_off("dtype", "auto", "or float32, bfloat16"))
    lines += [_template(answers.model), "", "[data]"]
    if answers.data is None:
        lines += ["# The miniature brings its own rows and items; name files here for your own.", _off("train", [])]
        return lines
    lines.append(_key("train", _files(answers.data.files, folder), f"{answers.data.rows:,} rows"))
    lines.append("# Columns beside prompt and answers are tags (category, source, difficulty …): the data-mix lane")
    lines.append("# repeats the rows of one value, and the curriculum lane orders by them.")
    return lines


def _template(model: str) -> str:
    """Return the line of the chat template; a base model in a folder may have none."""
    from probes.training.preflight import has_chat_template

    if Path(model).is_absolute() and not has_chat_template(Path(model)):
        return _key("chat_template", "none", "this tokenizer has none: prompts are plain text; or a Jinja file")
    return _off("chat_template", "tokenizer", "its own; or none, or a Jinja file")


def _suite(answers: Answers, folder: Path, defaults: _Defaults) -> list[str]:
    lines = ["[suite]"]
    suite = answers.suite
    if suite is not None:
        counts = ", ".join(f"{name} {items}" for name, items in suite.categories.items())
        lines += [f"# {line}" for line in wrap(f"Items: {counts}.", _WIDEST - 2)]
        lines.append(_key("items", _files(suite.files, folder)))
        lines.append(_off("held_out", 0.5, "share kept for the confirmation, or files of their own"))
    lines.append(_key("samples", 3, "answers per item and probe: more of them, less noise"))
    lines.append(_off("aggregation", "categories", 'how `overall` is formed; "prompts": by number of items'))
    if answers.judge is not None and suite is not None and suite.needs_judge:
        lines += ["", "[suite.scorer]                    # for items that bring no scorer of their own"]
        lines.append(_key("components", JUDGED["components"]))
    lines += ["", "[suite.generation]"]
    lines += [_key(name, value) for name, value in defaults.generation]
    lines.append(_key("max_new_tokens", defaults.max_new_tokens, "longer answers are cut, and evaluation takes longer"))
    if answers.judge is not None:
        lines += ["", "[judge]", "# Its key is read from ANTHROPIC_API_KEY or OPENAI_API_KEY and written nowhere."]
        lines.append(_key("provider", answers.judge.provider))
        lines.append(_key("model", answers.judge.model))
        lines.append("# What it marks stands in [judge.rubrics.default]; without it, a rubric for personas.")
    return lines


def _aim(answers: Answers) -> list[str]:
    words = "the baseline's weakest category, settled after its first probe" if answers.target == AUTO else ""
    return [
        "[target]",
        _key("category", answers.target, words or 'a category, "overall", or "auto": the weakest'),
        "",
        "[guards]",
        "# Every other category is a guard: a change that may cost one of them more than its margin is rejected.",
        _key("margin", 1.5, "points on the scale of 0 to 10, fixed before the night"),
        _off("categories", list(_guard_example(answers)), "only these; margins per category in [guards.margins]"),
    ]


def _guard_example(answers: Answers) -> Sequence[str]:
    if answers.suite is None:
        return ("ground_truth",)
    others = [name for name in answers.suite.categories if name != answers.target]
    return others[:2]


def _recipe(answers: Answers, defaults: _Defaults) -> list[str]:
    objective = answers.data.objective if answers.data is not None else "orpo"
    lines = [
        "[recipe]",
        "# The baseline: what you train with today. The night looks for single changes that make it better.",
        _key("objective", objective, "orpo, dpo or sft"),
        _key("learning_rate", defaults.learning_rate),
    ]
    if objective != "sft":
        lines.append(_key("beta", 0.1, "weight of the preference term"))
    lines += [
        _key("rank", defaults.rank, "of the LoRA adapter"),
        _key("alpha", float(defaults.rank)),
        _key("batch_size", defaults.batch_size, "rows at once on one device"),
        _key("gradient_accumulation", defaults.gradient_accumulation),
        _key("max_length", defaults.max_length, "tokens after which a row is cut"),
        _off("system_prompt", "You are Aldous.", "before every training and every suite prompt"),
        "",
        "[recipe.curriculum]",
        _off("sources", ["records"], "values of the `source` tag that source_first and source_last mean"),
        "",
        "[probe]",
        "# A probe is one short training and its evaluation; probes are only ever compared at equal steps.",
        _key("steps", defaults.steps, _passes(answers, defaults)),
        _key("deadline_s", defaults.deadline_s, "a probe that takes longer is stopped"),
    ]
    return lines


def _passes(answers: Answers, defaults: _Defaults) -> str:
    if answers.data is None or not answers.data.rows:
        return ""
    rows = defaults.batch_size * defaults.gradient_accumulation
    passes = defaults.steps * rows / answers.data.rows
    return f"of {rows} rows each: {passes:.2g} passes over your data"


def _lanes() -> list[str]:
    return [
        "# Three lanes are searched: hyperparameters, data_mix, curriculum. Without more said, around the baseline:",
        "# learning_rate within x 10, beta within x 2, rank and alpha within x 4, dropout up to .2; the rows of each",
        "# category once to three times; six orders. A lane with knobs of its own searches these only, for instance:",
        "[lanes]",
        _off("closed", ["curriculum"], "lanes that are not searched"),
        "",
        "# [lanes.hyperparameters.rank]",
        _off("values", [4, 8, 16, 32, 64]),
        _off("max_factor", 2.0, "one step at most doubles or halves it"),
    ]


def _budget(answers: Answers, defaults: _Defaults) -> list[str]:
    lines = [
        "[budget]",
        "# The nearest of these ends the search; the confirmation's share is kept back.",
        _key("hours", answers.hours),
        _key("probes", defaults.probes, "calibration and confirmation included"),
        _key("confirm_probes", 16, "final recipe against baseline, half each, on held-out items"),
    ]
    if answers.device_hour is not None:
        limit = round(max(1.0, answers.hours * answers.device_hour), 2)
        lines.append(_off("usd", limit, "ends the search as well"))
        lines += ["", "[budget.rates]", _key("device_hour", answers.device_hour, "USD for an hour of one device")]
    else:
        lines += ["", "[budget.rates]", _off("device_hour", 2.5, "USD for an hour of one device; then `usd` can limit")]
    return lines


def _rest() -> list[str]:
    return [
        "[agent]",
        _off("proposer", "optuna", "who proposes changes; `hybrid` also asks a language model"),
        "",
        "[launcher]",
        _off("workers", 1, "default: one per GPU, or one per core without one"),
        "",
        "[serving]",
        _off("backend", "transformers", "or vllm: much faster answers on a GPU (make vllm)"),
        "",
        "[tracking]",
        _off("experiment", "nightlab", "of MLflow; MLFLOW_TRACKING_URI names the store, else one in results/"),
        "",
        "[alarm]",
        _off("command", ["/usr/bin/logger", "-t", "nightlab"], "started when the night needs somebody"),
    ]


def _key(name: str, value: Any, comment: str = "", column: int = _COLUMN) -> str:
    line = f"{name} = {_value(value)}"
    return f"{line:<{column - 1}} # {comment}" if comment else line


def _value(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(one)}' for key, one in cast('dict[str, Any]', value).items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in cast('Sequence[Any]', value))}]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return json.dumps(value, ensure_ascii=False)


def _off(name: str, value: Any, comment: str = "") -> str:
    return f"# {_key(name, value, comment, _COLUMN - 2)}"


def _model(model: str, folder: Path) -> str:
    return _beside(Path(model), folder, "./") if os.path.isabs(model) else model


def _files(files: Sequence[Path], folder: Path) -> list[str]:
    return [_beside(path, folder) for path in files]


def _beside(path: Path, folder: Path, prefix: str = "") -> str:
    """Return `path` relative to the session file's folder where it lies below it."""
    return f"{prefix}{path.relative_to(folder)}" if path.is_relative_to(folder) else str(path)
