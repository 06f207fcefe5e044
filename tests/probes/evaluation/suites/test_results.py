"""A probe's prompts, best to worst: n of N everywhere, and nothing of another version of the suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import make_request

from probes.errors import ComparabilityError, DataError
from probes.evaluation.suite import Item, read_suite, suite_digest
from probes.evaluation.suites.results import read_results
from probes.recipe import Recipe
from probes.request import FileRef

SCORER = {"components": [{"kind": "keywords", "weight": 1.0, "any": ["yes"]}]}
SCORES: dict[str, list[float | None]] = {"q0": [10.0, 8.0], "q1": [0.0, 5.0], "q2": [None, None], "q3": [6.0, None]}


def suite(folder: Path, count: int = 5) -> tuple[Item, ...]:
    rows = [{"id": f"q{n}", "category": "ab"[n % 2], "prompt": f"{n}?", "scorer": SCORER} for n in range(count)]
    path = folder / "s.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_suite([path])


def probe(folder: Path, asked: tuple[Item, ...], judgements: list[dict[str, Any]] | None = None) -> Path:
    """Write the folder of a probe that asked the first four items twice."""
    place = folder / "probe"
    place.mkdir()
    suite_ref = FileRef(path="/s.jsonl", digest=suite_digest(asked))
    request = make_request(Recipe(base_model="m"), 0, "search").model_copy(update={"suite": suite_ref})
    (place / "request.json").write_text(request.model_dump_json())
    lines = [
        {
            "item": name, "category": "a", "sample": n, "seed": n, "score": score,
            "unscored": "no answer: gone" if score is None else None, "answered": name != "q2",
            "critical_failures": ["voice"] if score == 0 else [],
            "causes": {"keywords": "no yes"} if score == 0 else {},
        }
        for name, scores in SCORES.items()
        for n, score in enumerate(scores)
    ]  # fmt: skip
    (place / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if judgements is not None:
        (place / "judgements.jsonl").write_text("".join(json.dumps(line) + "\n" for line in judgements))
    return place


def test_prompts_are_ordered_and_counted_and_success_is_no_score(tmp_path: Path) -> None:
    items = suite(tmp_path)
    found = read_results(probe(tmp_path, items[:4]), items)
    assert [(p.item, p.score) for p in found.best(9)] == [("q0", 9.0), ("q3", 6.0), ("q1", 2.5)]
    assert [p.item for p in found.worst(2)] == ["q1", "q3"]
    assert [p.item for p in found.unscored] == ["q2"]
    worst = found.worst(1)[0]
    assert (worst.samples, worst.scored, worst.answered, worst.critical, worst.cause) == (2, 2, 2, 1, "no yes")
    assert found.unscored[0].cause == "no answer: gone"
    assert found.success_rate == 0.75
    assert found.judged == ()


def test_a_folder_with_one_probe_inside_is_that_probe(tmp_path: Path) -> None:
    items = suite(tmp_path)
    (tmp_path / "out" / "probes").mkdir(parents=True)
    probe(tmp_path, items[:4]).rename(tmp_path / "out" / "probes" / "key")
    assert len(read_results(tmp_path / "out", items).prompts) == 4


def test_another_version_of_the_suite_is_refused_with_both_versions(tmp_path: Path) -> None:
    items = suite(tmp_path)
    place = probe(tmp_path, items[:4])
    changed = (items[0].model_copy(update={"difficulty": "hard"}), *items[1:])
    with pytest.raises(ComparabilityError, match=r"scored on version .* these files are version .* score both on the"):
        read_results(place, changed)
    with pytest.raises(ComparabilityError, match="1 of its items are not in these files, the first is `q3`"):
        read_results(place, items[:3])


def test_a_folder_that_is_no_probes_is_refused_with_the_cure(tmp_path: Path) -> None:
    items = suite(tmp_path)
    with pytest.raises(DataError, match=r"is no probe's folder: .* name a folder such as"):
        read_results(tmp_path, items)
    place = probe(tmp_path, items[:4])
    (place / "scores.jsonl").write_text("")
    with pytest.raises(DataError, match="did not get as far as its evaluation"):
        read_results(place, items)


def test_judged_scores_keep_raw_and_corrected_apart_and_what_is_missing_missing(tmp_path: Path) -> None:
    items = suite(tmp_path)
    judged = [
        {"item": "q0", "overall": 8.0, "judge_overall_score": 9.0},
        {"item": "q2", "overall": 6.0, "judge_overall_score": None},
        {"item": "q1", "overall": 2.0, "judge_overall_score": 5.0},
    ]
    found = read_results(probe(tmp_path, items[:4], judged), items)
    rows = [(row.name, row.raw, row.corrected) for row in found.judged]
    assert rows == [("a", None, 7.0), ("b", 5.0, 2.0), ("overall", None, 4.5)]
