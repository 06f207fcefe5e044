from __future__ import annotations

import pytest

from probes.outcome import GenerationConfig, ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest
from probes.statistics.early_stop import Checkpoint, StopRule


def outcome(*items: tuple[str, str, tuple[float | None, ...], int]) -> ProbeOutcome:
    rows = tuple(
        ItemScores(item=item, category=category, difficulty="easy", scores=scores, critical_failures=critical)
        for item, category, scores, critical in items
    )
    return ProbeOutcome(key="k", status=ProbeStatus.COMPLETED, items=rows)


def request(**changes: object) -> ProbeRequest:
    fields: dict[str, object] = {
        "recipe": Recipe(base_model="/a/base", steps=10),
        "seed": 1,
        "split": "search",
        "base_model": FileRef(path="/a/base", digest="b"),
        "train": (FileRef(path="/a/train.jsonl", digest="t"),),
        "suite": FileRef(path="/a/search.jsonl", digest="s"),
        "samples": 3,
        "generation": GenerationConfig(),
        "versions": {"torch": "2"},
        "folder": "/a/probes/x",
        "deadline_s": 60.0,
    }
    return ProbeRequest.model_validate({**fields, **changes})


def test_items_average_their_samples_categories_their_items_and_the_overall_its_categories() -> None:
    probe = outcome(("1", "a", (10.0, 0.0), 0), ("2", "a", (8.0,), 0), ("3", "b", (1.0,), 2))
    assert probe.category_means() == {"a": pytest.approx(6.5), "b": pytest.approx(1.0)}
    assert probe.overall() == pytest.approx(3.75)
    assert probe.critical_failures() == 2


def test_unscored_is_missing_and_never_zero() -> None:
    probe = outcome(("1", "a", (None, 6.0), 0), ("2", "b", (None, None), 0))
    assert probe.category_means() == {"a": pytest.approx(6.0), "b": None}
    assert probe.overall() is None


def test_a_failed_probe_has_no_score_at_all() -> None:
    failed = ProbeOutcome(key="k", status=ProbeStatus.DIVERGED, message="loss is nan")
    assert failed.category_means() == {}
    assert failed.overall() is None


def test_equal_measurements_have_equal_keys_wherever_their_files_lie() -> None:
    moved = request(
        recipe=Recipe(base_model="/b/base", steps=10),
        base_model=FileRef(path="/b/base", digest="b"),
        suite=FileRef(path="/b/search.jsonl", digest="s"),
        folder="/b/probes/x",
        deadline_s=90.0,
    )
    assert moved.key == request().key


def test_a_stop_rule_is_no_part_of_the_measurement() -> None:
    look = Checkpoint(points=5, step=2, most_loss=2.0)
    ruled = request(stop_rule=StopRule(rate=0.1, floor=1.0, recipes=18, checkpoints=(look,)))
    assert ruled.key == request().key
    assert ProbeRequest.model_validate_json(ruled.model_dump_json()) == ruled


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"split": "held_out"},
        {"samples": 2},
        {"suite": FileRef(path="/a/search.jsonl", digest="other")},
        {"base_model": FileRef(path="/a/base", digest="other")},
        {"generation": GenerationConfig(temperature=0.5)},
        {"versions": {"torch": "3"}},
        {"recipe": Recipe(base_model="/a/base", steps=11)},
    ],
)
def test_whatever_can_change_a_score_changes_the_key(change: dict[str, object]) -> None:
    assert request(**change).key != request().key


def test_success_is_counted_apart_from_the_score() -> None:
    def item(name: str, scores: tuple[float | None, ...], answered: int | None) -> ItemScores:
        return ItemScores(item=name, category="a", difficulty="easy", scores=scores, answered=answered)

    def probe(*items: ItemScores) -> ProbeOutcome:
        return ProbeOutcome(key="k", status=ProbeStatus.COMPLETED, items=items)

    all_wrong = probe(item("1", (0.0, 5.0), 2), item("2", (10.0, None), 2))
    assert (all_wrong.success_rate(), all_wrong.overall()) == (1.0, 6.25)
    assert probe(item("1", (0.0, None), 1), item("2", (4.0, 4.0), 2)).success_rate() == 0.75
    assert probe(item("1", (0.0,), None), item("2", (4.0,), 1)).success_rate() is None, "older records do not say"
    assert ProbeOutcome(key="k", status=ProbeStatus.CRASHED).success_rate() is None


def test_weights_decide_the_overall_and_a_weightless_category_may_be_unscored() -> None:
    probe = outcome(("1", "a", (10.0,), 0), ("2", "b", (5.0,), 0), ("3", "c", (None,), 0))
    assert probe.overall({"a": 0.2, "b": 0.8, "c": 0.0}) == pytest.approx(6.0)
    assert probe.overall({"a": 0.2, "b": 0.7, "c": 0.1}) is None
