from __future__ import annotations

import json

import pytest
from fakes_data import a_row

from probes.data.rows import Row
from probes.data.stats import data_stats
from probes.errors import DataError
from probes.recipe import DataMix, MixRule

ROWS = [
    a_row(i, category="wit" if i < 10 else "truth", generator=("base", "own")[i % 2] if i < 30 else "")
    for i in range(40)
]
TWICE = DataMix(rules=(MixRule(name="wit", tags={"category": ("wit",)}, repeat=2),))


def test_a_mix_is_counted_beside_the_plain_rows_and_adds_up() -> None:
    stats = data_stats(ROWS, TWICE, guards=("wit", "voice"))
    assert stats.files == {"rows.jsonl": 40}
    assert stats.plain["category"] == {"truth": 30, "wit": 10}
    assert stats.mixed["category"] == {"truth": 30, "wit": 20}
    assert (stats.mix.rows, stats.mix.asked, stats.mix.achieved, stats.mix.gap) == (40, 50, 50, 0)
    assert [warning for warning in stats.warnings if "`voice`" in warning]


def test_without_rules_the_mix_is_the_rows() -> None:
    stats = data_stats(ROWS, DataMix())
    assert stats.mixed == stats.plain
    assert stats.mix.achieved == len(ROWS)


def test_the_on_policy_share_is_of_rows_that_say_and_is_none_unless_a_name_is_given() -> None:
    rows = [a_row(i, **({"generator": ("base", "own")[i % 2]} if i < 30 else {})) for i in range(40)]
    assert data_stats(rows, DataMix(), own=("own",)).authors.on_policy == 0.5
    assert data_stats(rows, DataMix()).authors.on_policy is None
    assert data_stats(rows, DataMix()).authors.shares == {"base": 0.375, "own": 0.375, "(none)": 0.25}


def test_a_rule_without_rows_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="`gone` matches no training row"):
        data_stats(ROWS, DataMix(rules=(MixRule(name="gone", tags={"category": ("gone",)}),)))


def test_json_has_every_rule_and_the_gap() -> None:
    told = json.loads(json.dumps(data_stats(ROWS, TWICE).as_json()))
    assert told["mix"]["rules"] == [{"rule": "wit", "matched": 10, "asked": 20, "achieved": 20}]
    assert told["mix"]["gap"] == 0
    assert told["contrast"] == {"answers": 40, "chosen": 0.0, "rejected": 0.0}


def test_rows_without_rejected_answers_have_no_contrast() -> None:
    rows = [Row((), "It's so.", None, {}, "f", i) for i in range(3)]
    assert data_stats(rows, DataMix()).contrast == (3, 1.0, None)
