from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from fakes_data import a_row
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.data.mix import apply_mix, asked_copies, reconcile, rule_matches
from probes.data.rows import Row
from probes.errors import DataError
from probes.recipe import DataMix, MixRule

ROWS = tuple(a_row(i, category="abc"[i % 3], source="xy"[i % 2]) for i in range(30))


def rule(name: str = "r", repeat: int = 1, weight: float = 1.0, **tags: str) -> MixRule:
    return MixRule(name=name, tags={tag: (value,) for tag, value in tags.items()}, repeat=repeat, weight=weight)


def copies_of(mixed: tuple[Row, ...]) -> Counter[int]:
    return Counter(row.line for row in mixed)


mixes = st.builds(
    lambda by_category, by_source, global_repeat: DataMix(
        rules=(
            rule("category", by_category[0], by_category[1], category="a"),
            rule("source", by_source[0], by_source[1], source="x"),
        ),
        global_repeat=global_repeat,
    ),
    st.tuples(st.integers(1, 5), st.sampled_from([1.0, 0.5, 1.3, 0.1, 2.0])),
    st.tuples(st.integers(1, 5), st.sampled_from([1.0, 0.7, 3.0])),
    st.integers(1, 3),
)


def test_no_rules_means_every_row_once_in_order() -> None:
    assert apply_mix(ROWS, DataMix(), 0) == ROWS


def test_repeats_are_exact_and_two_rules_add_up() -> None:
    mix = DataMix(rules=(rule("a", 3, category="a"), rule("x", 2, source="x")), global_repeat=2)
    counts = copies_of(apply_mix(ROWS, mix, 0))
    for row in ROWS:
        extra = 2 * (row.tags["category"] == "a") + (row.tags["source"] == "x")
        assert counts[row.line] == 2 * (1 + extra)


@settings(max_examples=60, deadline=None)
@given(mixes, st.integers(0, 1000))
def test_every_row_gets_its_asked_copies_rounded_and_the_total_adds_up(mix: DataMix, seed: int) -> None:
    mixed = apply_mix(ROWS, mix, seed)
    counts = copies_of(mixed)
    for row in ROWS:
        assert math.floor(asked_copies(row, mix) + 1e-9) <= counts[row.line] <= math.ceil(asked_copies(row, mix) - 1e-9)
    account = reconcile(ROWS, mix, mixed)
    assert account.achieved == len(mixed) == sum(counts.values())
    # Rows fall into four sets here: those that match both rules, either, or none.
    assert abs(account.gap) < 4
    assert mixed == apply_mix(ROWS, mix, seed)


@settings(max_examples=30, deadline=None)
@given(mixes, st.permutations(ROWS), st.integers(0, 20))
def test_the_order_of_the_files_does_not_change_which_rows_are_drawn(
    mix: DataMix, shuffled: list[Row], seed: int
) -> None:
    assert copies_of(apply_mix(shuffled, mix, seed)) == copies_of(apply_mix(ROWS, mix, seed))


def test_a_larger_weight_keeps_the_rows_of_a_smaller_one() -> None:
    drawn = [
        {row.line for row in apply_mix(ROWS, DataMix(rules=(rule(weight=weight, source="x"),)), 7)}
        for weight in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert [len(lines) for lines in drawn] == [18, 21, 24, 27, 30]
    assert all(small < large for small, large in pairwise(drawn))


def test_seeds_draw_different_rows_and_each_row_equally_often() -> None:
    mix = DataMix(rules=(rule(weight=0.25, category="a"),))
    counts: Counter[int] = Counter()
    for seed in range(400):
        counts.update(row.line for row in apply_mix(ROWS, mix, seed) if row.tags["category"] == "a")
    # 10 rows at a quarter: 2 or 3 of them each time, 100 ± 8.7 draws per row over 400 seeds.
    assert sum(counts.values()) == pytest.approx(1000, abs=40)
    assert all(60 <= counts[row.line] <= 140 for row in ROWS if row.tags["category"] == "a")


def test_weight_zero_drops_rows_and_an_empty_mix_is_refused() -> None:
    mixed = apply_mix(ROWS, DataMix(rules=(rule(weight=0.0, category="a"),)), 0)
    assert {row.tags["category"] for row in mixed} == {"b", "c"}
    everything = MixRule(name="all", prompt_words=("question",), weight=0.0)
    with pytest.raises(DataError, match="leaves no training rows"):
        apply_mix(ROWS, DataMix(rules=(everything,)), 0)


def test_any_and_all_combine_tags_and_prompt_words() -> None:
    row = a_row(prompt="A letter to my FRIEND", category="Voice", topics="mill | river")
    conditions = {"tags": {"category": ("voice",), "topics": ("sea", "river")}, "prompt_words": ("friend",)}
    assert rule_matches(row, MixRule(name="r", match="all", **conditions))
    assert rule_matches(row, MixRule(name="r", match="any", tags={"none": ("x",)}, prompt_words=("lett",)))
    assert not rule_matches(row, MixRule(name="r", match="any", tags={"none": ("x",)}, prompt_words=("enemy",)))
    for change in ({"tags": {"category": ("voice",), "topics": ("sea",)}}, {"prompt_words": ("enemy",)}):
        assert not rule_matches(row, MixRule(name="r", match="all", **{**conditions, **change}))
    assert rule_matches(row, MixRule(name="r", match="all", tags={"category": ("voice",)}))
    assert not rule_matches(row, MixRule(name="r", match="all", tags={"none": ("x",)}))


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (MixRule(name="typo", tags={"category": ("aa",)}), "`typo` matches no .*no row has `aa` in `category` .*`a`"),
        (MixRule(name="typo", tags={"categori": ("a",)}), r"no row has the tag `categori` \(nearest: `category`"),
        (MixRule(name="words", prompt_words=("whale", "sea")), "no prompt contains `whale`, `sea`"),
        (
            MixRule(name="both", tags={"category": ("a",)}, prompt_words=("question 1",), match="all"),
            "no row meets all its conditions at once",
        ),
    ],
)
def test_a_rule_that_matches_nothing_is_refused_with_the_nearest_values(broken: MixRule, complaint: str) -> None:
    rows = [row for row in ROWS if "question 1" not in row.prompt_text or row.tags["category"] != "a"]
    with pytest.raises(DataError, match=complaint):
        apply_mix(rows, DataMix(rules=(broken,)), 0)


def test_reconcile_reports_each_rule_and_the_gap() -> None:
    mix = DataMix(rules=(rule("a", 3, category="a"), rule("x", weight=0.5, source="x")))
    account = reconcile(ROWS, mix, apply_mix(ROWS, mix, 3))
    # Of 10 `a` rows 5 are also `x`: 5 × 3 + 5 × 1.5 asked; of 15 `x` rows those 5 ask 1.5 and the other 10 ask 0.5.
    assert [(count.rule, count.matched, count.asked) for count in account.rules] == [("a", 10, 22.5), ("x", 15, 12.5)]
    assert account.rules[0].achieved in (22, 23)
    assert (account.rows, account.asked) == (30, 15 + 12.5 + 10)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_draws_do_not_depend_on_the_process(hash_seed: str) -> None:
    code = (
        "from fakes_data import a_row\n"
        "from probes.data.mix import apply_mix\n"
        "from probes.data.curriculum import order_rows\n"
        "from probes.recipe import Curriculum, DataMix, MixRule\n"
        "mix = DataMix(rules=(MixRule(name='r', prompt_words=('question',), weight=0.5),))\n"
        "rows = order_rows(apply_mix([a_row(i, category='abc'[i % 3]) for i in range(12)], mix, 5),"
        " Curriculum(order='interleave'), 5)\n"
        "print([row.line for row in rows])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[1, 11, 6, 10, 5, 4]"
