"""Reads a mix manifest: the JSON form of a data mix that speaks of extra copies.

What is assumed of the form. `repeat: r` appends r copies of each matching row to the mix, so r extra copies on top of
`global_repeat`; the extras of several rules add up; a rule without `repeat` adds nothing and is left out. `match` holds
up to four conditions: `metadata_any` (one condition, met by any of its tags), `source_any`, `id_any` and
`prompt_contains_any` (parts of the prompt, not whole words); `match_mode` says whether any or all must be met.
`base_dataset` and `shuffle_seed` belong to `[data]` and to the train seed here, and are only checked to be known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from probes.errors import DataError
from probes.frozen import Frozen
from probes.recipe import DataMix, MixRule

Count = Annotated[int, Field(ge=0)]


class _Match(Frozen):
    metadata_any: dict[str, tuple[str, ...]] = {}
    source_any: tuple[str, ...] = ()
    id_any: tuple[str, ...] = ()
    prompt_contains_any: tuple[str, ...] = ()


class _Rule(Frozen):
    name: str
    repeat: Count = 0
    match_mode: Literal["any", "all"] = "any"
    match: _Match = _Match()


class _Manifest(Frozen):
    name: str = ""
    base_dataset: str = ""
    global_repeat: Annotated[int, Field(ge=1)] = 1
    shuffle_seed: int = 0
    rules: tuple[_Rule, ...] = ()


def load_manifest(path: str | Path) -> DataMix:
    """Return the data mix equal to a manifest.

    Raises:
        DataError: the file cannot be read, breaks the form, or asks for what no data mix can say.
    """
    try:
        value: object = json.loads(Path(path).read_bytes())
        manifest = _Manifest.model_validate(value)
        rules = tuple(_rule(rule, manifest.global_repeat) for rule in manifest.rules if rule.repeat)
        return DataMix(rules=rules, global_repeat=manifest.global_repeat)
    except OSError as error:
        raise DataError(f"manifest {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the manifest"
        raise DataError(f"manifest {path}: `{place}`: {first['msg']}") from error
    except _UnsayableError as error:
        raise DataError(f"manifest {path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"manifest {path} is not valid JSON: {error}") from error


class _UnsayableError(ValueError):
    """The manifest means something that a data mix cannot say."""


def _rule(rule: _Rule, global_repeat: int) -> MixRule:
    # A mix multiplies by the global repeat after adding the extras, a manifest adds them afterwards.
    extra, rest = divmod(rule.repeat, global_repeat)
    if rest:
        raise _UnsayableError(
            f"rule `{rule.name}`: `repeat` must be a multiple of `global_repeat` ({global_repeat}), got {rule.repeat}; "
            "write the mix as `[recipe.mix]`"
        )
    return MixRule(
        name=rule.name,
        tags=_tags(rule),
        prompt_words=rule.match.prompt_contains_any,
        match=rule.match_mode,
        repeat=extra + 1,
    )


def _tags(rule: _Rule) -> dict[str, tuple[str, ...]]:
    match = rule.match
    tags = dict(match.metadata_any)
    alternatives = len(tags) > 1
    for name, accepted in (("source", match.source_any), ("id", match.id_any)):
        alternatives = alternatives or (bool(accepted) and name in tags)
        if accepted:
            tags[name] = (*tags.get(name, ()), *accepted)
    if alternatives and rule.match_mode == "all":
        raise _UnsayableError(
            f"rule `{rule.name}`: under `match_mode` all, several tags of `metadata_any` are alternatives, which a mix "
            "rule cannot say; split the rule or write the mix as `[recipe.mix]`"
        )
    return tags
