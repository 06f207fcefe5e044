from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fakes_data import a_row

from probes.data.composition import composition
from probes.data.manifest import load_manifest
from probes.data.mix import apply_mix, asked_copies, reconcile
from probes.data.rows import Row, read_rows
from probes.errors import DataError
from probes.recipe import DataMix, MixRule

REPLAY: dict[str, Any] = {
    "name": "replay",
    "repeat": 2,
    "match_mode": "any",
    "match": {"metadata_any": {"category": ["facts"]}, "prompt_contains_any": ["letter"]},
}


def load(folder: Path, **manifest: Any) -> DataMix:
    file = folder / "manifest.json"
    file.write_text(json.dumps(manifest))
    return load_manifest(file)


def test_repeat_in_a_manifest_counts_extra_copies(tmp_path: Path) -> None:
    mix = load(tmp_path, name="m", base_dataset="x.jsonl", shuffle_seed=42, global_repeat=1, rules=[REPLAY])
    expected = MixRule(name="replay", tags={"category": ("facts",)}, prompt_words=("letter",), repeat=3)
    assert mix == DataMix(rules=(expected,))
    assert asked_copies(a_row(category="facts"), mix) == 3


def test_rules_without_repeat_and_manifests_without_rules_change_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, rules=[{**REPLAY, "repeat": 0}]) == DataMix()
    assert load(tmp_path) == DataMix()


def test_global_repeats_come_before_the_extras(tmp_path: Path) -> None:
    # Two copies of every row and two extras: four, which a mix says as (1 + 1) × 2.
    mix = load(tmp_path, global_repeat=2, rules=[REPLAY])
    assert asked_copies(a_row(category="facts"), mix) == 4
    with pytest.raises(DataError, match=r"multiple of `global_repeat` \(3\), got 2"):
        load(tmp_path, global_repeat=3, rules=[REPLAY])


def test_sources_and_ids_become_tags(tmp_path: Path) -> None:
    match = {"metadata_any": {"source": ["a"]}, "source_any": ["b"], "id_any": ["7"]}
    mix = load(tmp_path, rules=[{"name": "r", "repeat": 1, "match": match}])
    assert mix.rules[0].tags == {"source": ("a", "b"), "id": ("7",)}


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        ({"rules": [{**REPLAY, "repeat": -1}]}, "`rules.0.repeat`: Input should be greater"),
        ({"rules": [{**REPLAY, "repeats": 1}]}, "`rules.0.repeats`: Extra inputs"),
        ({"rules": [{"name": "r", "repeat": 1}]}, "mix rule `r` matches nothing"),
        ({"rules": [REPLAY, REPLAY]}, "names must be unique"),
        (
            {"rules": [{**REPLAY, "match_mode": "all", "match": {"metadata_any": {"a": ["1"], "b": ["2"]}}}]},
            "several tags of `metadata_any` are alternatives",
        ),
    ],
)
def test_manifests_that_break_the_form_are_refused(tmp_path: Path, manifest: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=rf"manifest\.json: .*{complaint}"):
        load(tmp_path, **manifest)


def test_unreadable_manifests_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json cannot be read"):
        load_manifest(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match=r"broken\.json is not valid JSON"):
        load_manifest(tmp_path / "broken.json")


def copies_by_hand(row: Row, manifest: dict[str, Any]) -> int:
    """What the manifest's own words mean, without our rules."""
    copies = manifest["global_repeat"]
    for rule in manifest["rules"]:
        assert rule["match_mode"] == "any"
        has_tag = any(row.tags.get(tag) in values for tag, values in rule["match"]["metadata_any"].items())
        has_word = any(word in row.prompt[0].content.lower() for word in rule["match"]["prompt_contains_any"])
        copies += rule["repeat"] * (has_tag or has_word)
    return copies


def test_real_pairs_and_manifests_reconcile() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if not root:
        pytest.skip("NIGHTLAB_DATA is not set: real preference pairs and manifests are not on this machine")
    folder = next(Path(root).rglob("pairs.jsonl")).parent
    rows = read_rows([folder / "pairs.jsonl"], "orpo")
    assert len(rows) == 100
    manifests = sorted((folder / "manifests").glob("*.json"))
    assert len(manifests) == 4
    for file in manifests:
        mix = load_manifest(file)
        mixed = apply_mix(rows, mix, 0)
        by_hand = Counter({row.line: copies_by_hand(row, json.loads(file.read_text())) for row in rows})
        assert Counter(row.line for row in mixed) == by_hand
        account = reconcile(rows, mix, mixed)
        assert account.gap == 0
        assert account.achieved == sum(composition(mixed)["category"].values()) == by_hand.total()
