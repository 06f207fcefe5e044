"""A suite's version is what it asks and how it scores: not how its files are written."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from probes.evaluation.suite import read_suite, suite_digest

PART = {"kind": "keywords", "weight": 1.0, "any": ["seven"]}


def rows() -> list[dict[str, Any]]:
    return [
        {"id": f"q{n}", "category": "a", "prompt": f"Number {n}?", "scorer": {"components": [PART]}} for n in range(9)
    ]


def version(folder: Path, given: list[dict[str, Any]], **style: Any) -> str:
    path = folder / "s.jsonl"
    path.write_text("\n\n".join(json.dumps(row, **style) for row in given), encoding="utf-8")
    return suite_digest(read_suite([path]))


def test_order_spacing_key_order_escapes_and_written_defaults_change_nothing(tmp_path: Path) -> None:
    first = version(tmp_path, rows())
    shuffled = rows()
    random.Random(3).shuffle(shuffled)
    shuffled[0] |= {"prompt": None, "messages": [{"role": "user", "content": shuffled[0]["prompt"]}]}
    shuffled[1] |= {"difficulty": "medium", "chosen": None, "tools": []}
    shuffled[2]["scorer"] = {"components": [{**PART, "weight": 1, "critical": False, "name": None, "all": []}]}
    shuffled[3] |= {"source": "letters", "note": "checked twice"}
    assert version(tmp_path, shuffled, sort_keys=True, separators=(" , ", ": "), ensure_ascii=False) == first


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"category": "b"},
        {"difficulty": "hard"},
        {"prompt": "Number 0? "},
        {"chosen": "Seven."},
        {"tools": [{"name": "count"}]},
        {"scorer": {"components": [{**PART, "critical": True}]}},
        {"scorer": {"components": [{**PART, "any": ["seven", "7"]}]}},
    ],
)
def test_whatever_can_change_a_score_or_its_sum_is_a_new_version(tmp_path: Path, change: dict[str, Any]) -> None:
    changed = rows()
    changed[0] |= change
    assert version(tmp_path, changed) != version(tmp_path, rows())


def test_one_item_less_is_a_new_version(tmp_path: Path) -> None:
    assert version(tmp_path, rows()[1:]) != version(tmp_path, rows())
