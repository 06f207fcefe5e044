from __future__ import annotations

from collections import Counter

import pytest
from fakes_data import a_row
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.data.curriculum import order_rows
from probes.data.rows import Row
from probes.errors import DataError
from probes.recipe import Curriculum, Order

ORDERS: tuple[Order, ...] = ("shuffle", "source_first", "source_last", "easy_first", "hard_first", "interleave")
LEVELS = ("easy", "medium", "hard")
ROWS = [a_row(i, category="aab"[i % 3], source="xy"[i % 2], difficulty=LEVELS[i % 3]) for i in range(24)]


def ordered(rows: list[Row], order: Order, seed: int = 0) -> tuple[Row, ...]:
    return order_rows(rows, Curriculum(order=order, sources=("x",)), seed)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ORDERS), st.lists(st.sampled_from(ROWS), min_size=1).map(lambda rows: [ROWS[0], *rows]))
def test_every_order_is_a_permutation_that_the_seed_repeats(order: Order, rows: list[Row]) -> None:
    first = ordered(rows, order, 3)
    assert Counter(row.line for row in first) == Counter(row.line for row in rows)
    assert first == ordered(rows, order, 3)
    assert first == ordered(rows[::-1], order, 3)


@pytest.mark.parametrize("order", ORDERS)
def test_another_seed_gives_another_order(order: Order) -> None:
    assert len({tuple(row.line for row in ordered(ROWS, order, seed)) for seed in range(5)}) == 5


def test_shuffle_puts_each_row_everywhere() -> None:
    first = Counter(ordered(ROWS, "shuffle", seed)[0].line for seed in range(600))
    assert len(first) == 24
    assert max(first.values()) < 55  # 25 expected, sd 4.9


def test_common_rows_keep_their_relative_order_when_a_mix_repeats_others() -> None:
    repeated = [row for row in ROWS for _ in range(3 if row.tags["category"] == "b" else 1)]
    plain = [row.line for row in ordered(ROWS, "shuffle") if row.tags["category"] == "a"]
    assert [row.line for row in ordered(repeated, "shuffle") if row.tags["category"] == "a"] == plain


def test_sources_come_first_or_last() -> None:
    assert [row.tags["source"] for row in ordered(ROWS, "source_first")] == ["x"] * 12 + ["y"] * 12
    assert [row.tags["source"] for row in ordered(ROWS, "source_last")] == ["y"] * 12 + ["x"] * 12


def test_difficulty_rises_or_falls_with_unrated_rows_in_the_middle() -> None:
    rows = [*ROWS, a_row(90), a_row(91)]
    rising = [row.tags.get("difficulty", "medium") for row in ordered(rows, "easy_first")]
    assert rising == ["easy"] * 8 + ["medium"] * 10 + ["hard"] * 8
    assert [row.tags.get("difficulty", "medium") for row in ordered(rows, "hard_first")] == rising[::-1]


def test_numbers_order_as_numbers() -> None:
    rows = [a_row(i, difficulty=text) for i, text in enumerate(("10", "9", "1.5", "-2", "3"))]
    assert [row.tags.get("difficulty") for row in ordered([*rows, a_row(9)], "easy_first")][::5] == ["-2", "10"]
    assert [row.tags["difficulty"] for row in ordered(rows, "hard_first")] == ["10", "9", "3", "1.5", "-2"]


def test_interleave_takes_each_category_in_turn() -> None:
    rows = [a_row(i, category=category) for i, category in enumerate("aaaabbc")] + [a_row(9)]
    order = [row.tags.get("category", "-") for row in ordered(rows, "interleave")]
    assert sorted(order[:4]) == ["-", "a", "b", "c"]
    assert order[4:] in (["a", "b", "a", "a"], ["b", "a", "a", "a"])


@pytest.mark.parametrize(
    ("curriculum", "rows", "complaint"),
    [
        (Curriculum(order="source_first"), ROWS, "`source_first` needs `sources`"),
        (Curriculum(order="source_last", sources=("z",)), ROWS, r"\['z'\] match no training row; .*\['x', 'y'\]"),
        (Curriculum(order="easy_first"), [a_row()], "`easy_first` needs the `difficulty` tag"),
        (Curriculum(order="hard_first"), [a_row(4, difficulty="nan")], "rows.jsonl, line 5: `difficulty` .* `nan`"),
        (
            Curriculum(order="hard_first"),
            [a_row(0, difficulty="easy"), a_row(1, difficulty="7")],
            "line 2: `difficulty` must be easy, medium or hard, or a number in every row, got `7`",
        ),
    ],
)
def test_orders_without_the_tag_they_need_are_refused(curriculum: Curriculum, rows: list[Row], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        order_rows(rows, curriculum, 0)
