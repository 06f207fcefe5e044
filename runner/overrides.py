"""From a TOML file and `--set section.key=value` to one resolved `SessionConfig`: defaults, file, command line.

The resolved config holds absolute paths, so that it can be read from anywhere; relative paths in a session file are
relative to that file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, cast

import tomli_w
from pydantic import ValidationError

from probes.errors import ConfigError
from probes.frozen import digest_of
from runner.complaints import complaints
from runner.config import SessionConfig

MINIATURE = "miniature"
_TEMPLATES = ("tokenizer", "none")


class Override(NamedTuple):
    """One `--set`."""

    path: tuple[str, ...]
    value: Any


def load_session(file: Path, settings: Sequence[str] = ()) -> SessionConfig:
    """Read a session file, apply the command line's settings and resolve what follows from other keys.

    Raises:
        ConfigError: the file is missing or no TOML, or a key or value breaks a rule; every mistake is named.
    """
    overrides = [parse_setting(text) for text in settings]
    data = read_toml(file)
    written = deepcopy(data)
    for override in overrides:
        _put(data, override)
    followers = _fill_recipe(data, file)
    _resolve_paths(data, file.resolve().parent)
    try:
        return SessionConfig.model_validate(data)
    except ValidationError as error:
        found = complaints(error, data, SessionConfig)
        wrong = {complaint.path for complaint in found}
        told = [complaint for complaint in found if followers.get(complaint.path) not in wrong]
        lines = [f"{text}; change it in {_origin(path, overrides, written, file)}" for path, text in told]
        raise ConfigError("\n".join(lines)) from error


def read_toml(file: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigError: it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"session file `{file}` cannot be read: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"session file `{file}` must be UTF-8 text: {error.reason}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"session file `{file}` is not valid TOML: {error}; mend that line") from error


def parse_setting(text: str) -> Override:
    """Read `section.key=value`; the value is TOML, and a bare word is a string.

    Raises:
        ConfigError: there is no `=`, or the key is no TOML key.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"`--set` takes section.key=value, got `{text}`; for example --set recipe.learning_rate=1e-4")
    path = _key_path(key.strip())
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")
    except tomllib.TOMLDecodeError:
        return Override(path, value.strip())
    return Override(path, parsed["value"] if set(parsed) == {"value"} else value.strip())


def resolved_tables(config: SessionConfig) -> dict[str, Any]:
    """Return the whole config as JSON-ready tables; keys without a value are left out, as TOML has no null."""
    return cast("dict[str, Any]", _without_none(config.model_dump(mode="json")))


def resolved_toml(config: SessionConfig) -> str:
    """Return the resolved config as a session file that can be run again."""
    return tomli_w.dumps(resolved_tables(config))


def config_digest(config: SessionConfig) -> str:
    """Return 16 hex digits that change with any setting."""
    return digest_of(resolved_tables(config))


def _key_path(key: str) -> tuple[str, ...]:
    try:
        here: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"`--set` key `{key}` is not a TOML key; write it as section.key") from error
    path: list[str] = []
    while isinstance(here, dict):
        name, here = next(iter(cast("dict[str, Any]", here).items()))
        path.append(name)
    return tuple(path)


def _put(data: dict[str, Any], override: Override) -> None:
    here = data
    for depth, part in enumerate(override.path[:-1], start=1):
        below = here.setdefault(part, {})
        if not isinstance(below, dict):
            inner = ".".join(override.path[:depth])
            raise ConfigError(f"`--set {'.'.join(override.path)}` reaches into `{inner}`, which is a single value")
        here = cast("dict[str, Any]", below)
    here[override.path[-1]] = override.value


def _origin(path: tuple[str | int, ...], overrides: Sequence[Override], written: Mapping[str, Any], file: Path) -> str:
    """Return where somebody wrote what stands at `path`: the command line, the file, or each a part of it."""
    if any(override.path == path[: len(override.path)] for override in overrides):
        return "`--set`"
    if not any(override.path[: len(path)] == path for override in overrides):
        return str(file)
    here: Any = written
    for part in path:
        here = cast("dict[str | int, Any]", here).get(part) if isinstance(here, dict) else None
    return "`--set`" if here is None else f"`--set` or {file}"


def _fill_recipe(data: dict[str, Any], file: Path) -> dict[tuple[str | int, ...], tuple[str | int, ...]]:
    """Let the baseline follow `[model]` and `[probe]`, so that nothing has to be written twice.

    Returns:
        The path of each key that was filled in, and of the one that it follows.
    """
    recipe = _table(data, "recipe")
    if recipe is None:
        return {}
    model, probe = _table(data, "model") or {}, _table(data, "probe") or {}
    follows = {
        "base_model": ("model.base", model.get("base", MINIATURE)),
        "chat_template": ("model.chat_template", model.get("chat_template", "tokenizer")),
        "steps": ("probe.steps", probe.get("steps", 300)),
    }
    if model.get("dtype", "auto") != "auto":
        follows["precision"] = ("model.dtype", model["dtype"])
    filled = {("recipe", key): tuple(source.split(".")) for key, (source, _) in follows.items() if key not in recipe}
    for key, (source, value) in follows.items():
        if recipe.setdefault(key, value) != value:
            raise ConfigError(
                f"`recipe.{key}` must equal `{source}` ({json.dumps(value)}), got {json.dumps(recipe[key])}; "
                f"leave it out of `[recipe]` and change `{source}` in {file}"
            )
    return {**filled}


def _resolve_paths(data: dict[str, Any], folder: Path) -> None:
    model, recipe = _table(data, "model"), _table(data, "recipe")
    for table, key in ((model, "base"), (recipe, "base_model")):
        if table is not None and isinstance(table.get(key), str):
            table[key] = _model_place(table[key], folder)
    for table in (model, recipe):
        template = table.get("chat_template") if table is not None else None
        if table is not None and isinstance(template, str) and template not in _TEMPLATES:
            table["chat_template"] = _absolute(template, folder)
    for section, keys in (("data", ("train",)), ("suite", ("items", "held_out"))):
        table = _table(data, section) or {}
        for key in keys:
            files: Any = table.get(key)
            if isinstance(files, list):
                table[key] = [_absolute(name, folder) if isinstance(name, str) else name for name in files]  # pyright: ignore[reportUnknownVariableType]


def _model_place(name: str, folder: Path) -> str:
    """Return a folder as an absolute path; `miniature` and hub names stay."""
    if name == MINIATURE:
        return name
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    return _absolute(name, folder) if looks_local or (folder / name).is_dir() else name


def _absolute(name: str, folder: Path) -> str:
    return str((folder / Path(name).expanduser()).resolve())


def _table(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a table of the file, made when missing; None when the file has something else there."""
    value = data.setdefault(name, {})
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return {key: _without_none(inner) for key, inner in table.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in cast("list[Any]", value)]
    return value
