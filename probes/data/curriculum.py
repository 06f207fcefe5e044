"""The curriculum: the order in which the mixed rows are seen.

Every order is a sort by (group, the row's own seeded draw): a shuffle inside each group that depends on nothing but
the seed and the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from probes.data.draws import draw, row_draws
from probes.data.rows import Row
from probes.data.tags import MISSING, tag_values
from probes.errors import DataError
from probes.recipe import Curriculum

_LEVELS = {"easy": 0.0, "medium": 1.0, "hard": 2.0}


def order_rows(rows: Sequence[Row], curriculum: Curriculum, seed: int) -> tuple[Row, ...]:
    """Return `rows` in the order of `curriculum`, equal rows shuffled by `seed`.

    `source_first` and `source_last` place the rows whose `source` tag is in `curriculum.sources`; `easy_first` and
    `hard_first` go by the `difficulty` tag (easy, medium, hard, or numbers), rows without one in the middle;
    `interleave` takes one row of each `category` in turn until each is used up.

    Raises:
        DataError: the order needs a tag or a source that no row has.
    """
    draws = row_draws(rows, seed, "order")
    groups = _groups(rows, curriculum, seed, draws)
    indices = sorted(range(len(rows)), key=lambda index: (groups[index], draws[index], index))
    return tuple(rows[index] for index in indices)


def _groups(rows: Sequence[Row], curriculum: Curriculum, seed: int, draws: Sequence[float]) -> Sequence[object]:
    match curriculum.order:
        case "shuffle":
            return [0] * len(rows)
        case "source_first":
            return [not is_source for is_source in _are_sources(rows, curriculum)]
        case "source_last":
            return _are_sources(rows, curriculum)
        case "easy_first":
            return _difficulties(rows, "easy_first")
        case "hard_first":
            return [-difficulty for difficulty in _difficulties(rows, "hard_first")]
        case "interleave":
            return _rounds(rows, seed, draws)


def _are_sources(rows: Sequence[Row], curriculum: Curriculum) -> list[bool]:
    if not curriculum.sources:
        raise DataError(
            f"curriculum order `{curriculum.order}` needs `sources`, values of the `source` tag, got none; name some "
            "in `[recipe.curriculum]`, or choose another `order` there"
        )
    wanted = {source.casefold() for source in curriculum.sources}
    found = [not wanted.isdisjoint(value.casefold() for value in tag_values(row.tags, "source")) for row in rows]
    if rows and not any(found):
        known = sorted({value for row in rows for value in tag_values(row.tags, "source")})
        raise DataError(
            f"curriculum `sources` {list(curriculum.sources)} match no training row; the `source` tag has "
            f"{known[:8] or 'no values at all'}; correct `sources` in `[recipe.curriculum]`, or choose another `order` "
            "there"
        )
    return found


def _difficulties(rows: Sequence[Row], order: str) -> list[float]:
    """Return each row's difficulty; a row without one gets the middle level, or the median of the numbers."""
    texts = [row.tags.get("difficulty") for row in rows]
    known = [text for text in texts if text is not None]
    if rows and not known:
        raise DataError(
            f"curriculum order `{order}` needs the `difficulty` tag, which no training row has; add it to the rows, or "
            "choose another `order` in `[recipe.curriculum]`"
        )
    are_levels = any(text.casefold() in _LEVELS for text in known)
    values: dict[str, float] = {}
    for text, row in zip(texts, rows, strict=True):
        if text is not None and text not in values:
            values[text] = _difficulty(text, row, are_levels)
    middle = _LEVELS["medium"] if are_levels else median(values[text] for text in known) if known else 0.0
    return [middle if text is None else values[text] for text in texts]


def _difficulty(text: str, row: Row, are_levels: bool) -> float:
    try:
        value = _LEVELS[text.casefold()] if are_levels else float(text)
    except (KeyError, ValueError):
        value = float("nan")
    if value - value != 0:
        raise DataError(
            f"{row.file}, line {row.line}: `difficulty` must be easy, medium or hard, or a number in every row, "
            f"got `{text}`; correct the row or choose another curriculum order"
        )
    return value


def _rounds(rows: Sequence[Row], seed: int, draws: Sequence[float]) -> list[tuple[int, float, str]]:
    """Return (turn within its category, the category's place in a round) of each row."""
    categories = [next(iter(tag_values(row.tags, "category")), MISSING) for row in rows]
    places = {category: draw(seed, "interleave", category.encode()) for category in categories}
    turns: Counter[str] = Counter()
    rounds = [(0, 0.0, "")] * len(rows)
    for index in sorted(range(len(rows)), key=lambda index: (draws[index], index)):
        category = categories[index]
        rounds[index] = (turns[category], places[category], category)
        turns[category] += 1
    return rounds
