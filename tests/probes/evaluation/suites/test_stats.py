"""A suite counted."""

from __future__ import annotations

import json
from pathlib import Path

from probes.evaluation.suite import read_suite
from probes.evaluation.suites.stats import suite_stats

CATEGORIES = {"AT": 5, "CC": 4, "GT": 8, "PD": 6, "PV": 5, "VR": 8}
DIFFICULTIES = ["easy"] * 3 + ["medium"] * 14 + ["hard"] * 19


def test_thirty_six_prompts_in_six_categories_and_three_difficulties_are_counted(tmp_path: Path) -> None:
    names = [name for name, count in CATEGORIES.items() for _ in range(count)]
    rows = [
        {
            "id": f"{name}-{n}",
            "category": name,
            "difficulty": difficulty,
            "prompt": "x" * (n + 1),
            "scorer": {
                "components": [
                    {"kind": "keywords", "weight": 0.5, "any": ["a"], "critical": n < 3},
                    {"kind": "keywords" if n % 2 else "opening", "weight": 0.5, "any": ["b"]},
                ]
            },
            **({"source": "letters"} if n < 9 else {}),
        }
        for n, (name, difficulty) in enumerate(zip(names, DIFFICULTIES, strict=True))
    ]
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stats = suite_stats(read_suite([path]))
    assert {name: sum(row.values()) for name, row in stats.counts.items()} == CATEGORIES
    assert stats.difficulties == ("easy", "medium", "hard")
    totals = [sum(row.get(difficulty, 0) for row in stats.counts.values()) for difficulty in stats.difficulties]
    assert totals == [3, 14, 19]
    assert (stats.items, stats.criticals, stats.references) == (36, 3, 0)
    assert stats.scorers == {"keywords": 36, "opening": 18}, "an item with two components of a kind counts once"
    lengths = stats.prompt_characters
    assert (lengths.shortest, lengths.median, lengths.longest) == (1, 18.5, 36)
    assert stats.composition == {"source": {"(none)": 27, "letters": 9}}
