"""What a night reads, found and checked before the first probe: base model, training rows, the two item files.

Everything a probe will need is looked at here, so that bad input ends in a message and not in a row of failed probes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probes.aggregation import category_weights
from probes.base_model import model_digest, resolve_base_model
from probes.errors import ConfigError, DataError, LaunchError
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item, lines_of, read_suite, split_items, suite_digest
from probes.request import FileRef
from runner.config import SessionConfig
from runner.overrides import MINIATURE

Progress = Callable[[str, float], None]
SEARCH_FILE, HELD_OUT_FILE = "search.jsonl", "held_out.jsonl"


@dataclass(frozen=True)
class SessionInputs:
    """Everything a probe request refers to, and what the checks found out about it."""

    base_model: FileRef
    train: tuple[FileRef, ...]
    search: FileRef
    held_out: FileRef
    search_items: dict[str, int]
    """Category → items the search is scored on."""
    held_out_items: dict[str, int]
    """Category → items kept for the confirmation."""
    suite_files: tuple[str, ...]
    """Where the items come from, for messages."""
    tags: dict[str, dict[str, int]]
    """Composition of the training rows: tag → value → rows."""
    warnings: tuple[str, ...]
    """What a reader of the report should know."""
    weights: dict[str, float] | None = None
    """Category → its share of `overall`, the same for search and confirmation; None: all count the same."""

    @property
    def digests(self) -> dict[str, str]:
        """Name → digest of all that was read."""
        train = {f"train {Path(ref.path).name}": ref.digest for ref in self.train}
        return {
            "base_model": self.base_model.digest,
            **train,
            "search items": self.search.digest,
            "held-out items": self.held_out.digest,
        }


@dataclass(frozen=True)
class SessionFiles:
    """The files behind a session, before anything was read."""

    base_model: str
    train: tuple[str, ...]
    items: tuple[str, ...]
    held_out: tuple[str, ...] | float
    scorer: Scorer | None
    """For items without one of their own."""

    @property
    def suite(self) -> tuple[str, ...]:
        """All files with items."""
        return (*self.items, *self.held_out) if isinstance(self.held_out, tuple) else self.items


def resolve_inputs(
    config: SessionConfig, suite_folder: Path, cache_root: Path, progress: Progress, environ: Mapping[str, str]
) -> SessionInputs:
    """Check everything a night reads and write its two item files into `suite_folder`.

    Args:
        config: the resolved session.
        suite_folder: gets `search.jsonl` and `held_out.jsonl`.
        cache_root: where the miniature is kept; built there when the session uses it and it is missing.
        progress: told `(stage, fraction)` while the miniature is built.
        environ: asked only whether the judge's key is set.

    Raises:
        DataError: a row, an item or the base model cannot be used, or the baseline's mix or order does not fit the
            rows.
        ConfigError: a file that is needed is not named, or items need a judge that the session does not have.
        LaunchError: the judge's key is missing, or answers are run as code and this machine cannot isolate it.
    """
    from probes.data.composition import composition, composition_warnings
    from probes.data.curriculum import order_rows
    from probes.data.mix import apply_mix
    from probes.data.rows import read_rows, row_warnings
    from probes.evaluation.code_items import sandbox_problem
    from probes.evaluation.expectations import form_warnings
    from probes.evaluation.judging.preflight import check_judge
    from probes.training.preflight import check_recipe

    files = find_files(config, cache_root, progress)
    rows = read_rows(files.train, config.recipe.objective)
    mixed = apply_mix(rows, config.recipe.mix, config.seed)
    order_rows(mixed, config.recipe.curriculum, config.seed)
    search, held_out = _read_items(files, config.seed)
    check_judge((*search, *held_out), config.judge, environ)
    problem = sandbox_problem((*search, *held_out), config.suite.unisolated_code)
    if problem is not None:
        raise LaunchError(problem)
    base_model = resolve_base_model(files.base_model, config.model.revision)
    check_recipe(base_model, config.recipe)
    suite_folder.mkdir(parents=True, exist_ok=True)
    search_items, held_out_items = (dict(Counter(item.category for item in side)) for side in (search, held_out))
    guards = config.guards.categories or tuple(sorted(search_items))
    return SessionInputs(
        base_model=FileRef(path=str(base_model), digest=model_digest(base_model)),
        train=tuple(FileRef(path=name, digest=file_digest(Path(name))) for name in files.train),
        search=_write_items(suite_folder / SEARCH_FILE, search, files),
        held_out=_write_items(suite_folder / HELD_OUT_FILE, held_out, files),
        search_items=search_items,
        held_out_items=held_out_items,
        weights=_weights(config, search_items, held_out_items),
        suite_files=files.suite,
        tags=composition(rows),
        warnings=(
            *row_warnings(rows),
            *composition_warnings(rows, mixed, guards),
            *form_warnings(rows, search),
            *_one_sided(search_items, held_out_items, files),
        ),
    )


def file_digest(path: Path) -> str:
    """Return 16 hex digits of SHA-256 over a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def find_files(config: SessionConfig, cache_root: Path, progress: Progress) -> SessionFiles:
    """Return the session's own files, the miniature's where the session names none."""
    train, items = config.data.train, config.suite.items
    held_out = config.suite.held_out
    if config.model.base != MINIATURE:
        for key, value in (("data.train", train), ("suite.items", items)):
            if not value:
                raise ConfigError(f"`{key}` must name at least one JSONL file; only the miniature brings its own")
        return SessionFiles(config.model.base, train, items, held_out, config.suite.scorer)
    from probes.miniature.build import build_miniature

    built = build_miniature(cache_root, progress)
    if not items:
        items, held_out = (str(built.search_items),), (str(built.held_out_items),)
    return SessionFiles(str(built.base_model), train or (str(built.train),), items, held_out, config.suite.scorer)


def _read_items(files: SessionFiles, seed: int) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Return (search, held-out) items; no item may be in both."""
    if not isinstance(files.held_out, tuple):
        search, held_out = split_items(read_suite(files.items, files.scorer), files.held_out, seed)
        for name, side in (("search", search), ("held-out", held_out)):
            if not side:
                raise DataError(
                    f"the suite leaves no {name} items at `suite.held_out` = {files.held_out:g}; add items to "
                    f"{', '.join(files.items)} or change the share"
                )
        return search, held_out
    # Read as one suite, so that an id in both is refused with both places named.
    everything = read_suite(files.suite, files.scorer)
    search = read_suite(files.items, files.scorer)
    known = {item.id for item in search}
    held_out = tuple(item for item in everything if item.id not in known)
    if not held_out:
        raise DataError(
            f"`suite.held_out` has no items ({', '.join(files.held_out) or 'no file'}); name files with items"
        )
    return search, held_out


def _weights(config: SessionConfig, search: Mapping[str, int], held_out: Mapping[str, int]) -> dict[str, float] | None:
    """Return the night's weights, by the items of both sides: search and confirmation raise one quantity.

    Raises:
        ConfigError: the weights do not fit the suite's categories, or give weight to one without items on one side.
    """
    weights = category_weights(config.suite.aggregation, Counter(search) + Counter(held_out))
    for name, weight in (weights or {}).items():
        for side, counts in (("search", search), ("held-out", held_out)):
            if weight > 0 and not counts.get(name):
                raise ConfigError(
                    f"category `{name}` has a weight of {weight:.3g} in the overall (`suite.aggregation`) and no "
                    f"{side} items, so there would be no overall; add items of it, or give it the weight 0"
                )
    return weights


def _one_sided(search: Mapping[str, int], held_out: Mapping[str, int], files: SessionFiles) -> list[str]:
    """Return a warning for each category that only the search or only the confirmation would see."""
    return [
        f"category `{name}` has {search.get(name, 0)} search and {held_out.get(name, 0)} held-out items: search and "
        f"confirmation would not measure the same; add items of that category to {', '.join(files.suite)}"
        for name in sorted(search.keys() ^ held_out.keys())
    ]


def _write_items(path: Path, items: Sequence[Item], files: SessionFiles) -> FileRef:
    """Write the rows of `items` to one file; its digest is the version of these items, not of the file."""
    path.write_bytes(lines_of(files.suite, {item.id for item in items}, files.scorer))
    return FileRef(path=str(path), digest=suite_digest(items))
