"""What a night reads: the items it writes down for its workers, and what it says about a lopsided suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes_session import SESSION, fake_surroundings, write_lines, write_rows, write_session

from probes.errors import ConfigError, DataError
from probes.evaluation.suite import read_suite
from runner.inputs import SessionInputs
from runner.overrides import load_session
from runner.surroundings import gather_inputs

RULES = """
[[suite.scorer.components]]
kind = "contractions"
weight = 1.0
"""


def test_items_without_a_scorer_are_written_with_the_sessions(tmp_path: Path) -> None:
    inputs = gather(tmp_path, RULES, spoil=True)
    for ref in (inputs.search, inputs.held_out):
        bare = [item.id.endswith("0") for item in read_suite([ref.path])]
        kinds = [item.scorer.components[0].kind for item in read_suite([ref.path])]
        assert kinds == ["contractions" if is_bare else "keywords" for is_bare in bare]
    assert sum(inputs.search_items.values()) + sum(inputs.held_out_items.values()) == 48


def test_another_default_scorer_is_another_suite(tmp_path: Path) -> None:
    first = gather(tmp_path / "a", RULES, spoil=True)
    second = gather(tmp_path / "b", RULES + "allowed = 2\n", spoil=True)
    again = gather(tmp_path / "c", RULES, spoil=True)
    assert first.search.digest == again.search.digest
    assert first.search.digest != second.search.digest
    assert first.held_out.digest != second.held_out.digest


def test_a_default_scorer_changes_nothing_where_every_item_has_its_own(tmp_path: Path) -> None:
    plain, ruled = gather(tmp_path / "a", ""), gather(tmp_path / "b", RULES)
    assert (plain.search.digest, plain.held_out.digest) == (ruled.search.digest, ruled.held_out.digest)


def test_an_item_without_any_scorer_names_its_place_and_both_cures(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        gather(tmp_path, "", spoil=True)
    for words in (
        f"{tmp_path / 'items.jsonl'}, line 1",
        "`ground_truth-0`",
        "give the item a `scorer`",
        "suite.scorer",
    ):
        assert words in str(caught.value)


def test_messages_name_the_held_out_files_too(tmp_path: Path) -> None:
    inputs = gather(tmp_path, "", held_out=("ground_truth-0",))
    assert inputs.suite_files == (str(tmp_path / "items.jsonl"), str(tmp_path / "held.jsonl"))


def test_a_category_on_one_side_only_is_a_warning(tmp_path: Path) -> None:
    inputs = gather(tmp_path, "", held_out=("ground_truth-0", "private_voice-0"))
    (warning,) = [text for text in inputs.warnings if "held-out items" in text]
    assert "category `verified_response` has 16 search and 0 held-out items" in warning
    assert str(tmp_path / "held.jsonl") in warning


def gather(
    folder: Path, rules: str, spoil: bool = False, held_out: Sequence[str] = (), settings: Sequence[str] = ()
) -> SessionInputs:
    """Read a small session; `spoil` takes the scorer from some items, `held_out` names those of a second file."""
    folder.mkdir(exist_ok=True)
    session = write_session(folder, SESSION + rules)
    rows: list[dict[str, Any]] = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    if spoil:
        rows = [{k: v for k, v in row.items() if k != "scorer" or not row["id"].endswith("0")} for row in rows]
    write_lines(folder / "items.jsonl", [row for row in rows if row["id"] not in held_out])
    write_lines(folder / "held.jsonl", [row for row in rows if row["id"] in held_out])
    config = load_session(session, [*settings, *(["suite.held_out=['held.jsonl']"] if held_out else [])])
    return gather_inputs(config, folder / "suite", fake_surroundings(folder))


def test_prompt_weights_count_both_sides_so_that_search_and_confirmation_raise_one_quantity(tmp_path: Path) -> None:
    session = write_session(tmp_path)
    rows: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    write_lines(tmp_path / "items.jsonl", rows[:-8])
    config = load_session(session, ["suite.aggregation=prompts"])
    inputs = gather_inputs(config, tmp_path / "suite", fake_surroundings(tmp_path))
    assert inputs.weights == {"ground_truth": 0.4, "private_voice": 0.4, "verified_response": 0.2}
    assert gather_inputs(load_session(session), tmp_path / "plain", fake_surroundings(tmp_path)).weights is None


def test_a_weight_on_a_category_that_one_side_lacks_is_refused_with_the_cure(tmp_path: Path) -> None:
    weights = "suite.aggregation={ground_truth = 0.5, private_voice = 0.25, verified_response = 0.25}"
    refusal = r"`private_voice` has a weight of 0\.25 .* no held-out items.* or give it the weight 0"
    with pytest.raises(ConfigError, match=refusal):
        gather(tmp_path, "", held_out=("ground_truth-0",), settings=[weights])


@pytest.mark.parametrize(
    ("curriculum", "drop", "words"),
    [
        ('{order = "source_first", sources = ["recordz"]}', "", r"\['recordz'\] match no .* 'talk'"),
        ('{order = "source_last", sources = []}', "", "`source_last` needs `sources`"),
        ('{order = "easy_first"}', "difficulty", "`easy_first` needs the `difficulty` tag"),
    ],
)
def test_an_order_that_the_baselines_rows_do_not_support_is_refused_with_the_cure(
    tmp_path: Path, curriculum: str, drop: str, words: str
) -> None:
    session = write_session(tmp_path)
    write_rows(tmp_path / "rows.jsonl", drop=drop)
    config = load_session(session, [f"recipe.curriculum={curriculum}"])
    with pytest.raises(DataError, match=rf"{words}.*another `order`") as caught:
        gather_inputs(config, tmp_path / "suite", fake_surroundings(tmp_path))
    assert caught.value.exit_code == 2
    assert "`[recipe.curriculum]`" in str(caught.value)


def test_an_order_is_held_against_the_rows_that_the_mix_leaves(tmp_path: Path) -> None:
    session = write_session(tmp_path)
    settings = ["recipe.curriculum.order=source_first"]
    gather_inputs(load_session(session, settings), tmp_path / "suite", fake_surroundings(tmp_path))
    gone = 'recipe.mix.rules=[{name = "gone", tags = {source = ["letters"]}, weight = 0.0}]'
    with pytest.raises(DataError, match="match no training row"):
        gather_inputs(load_session(session, [*settings, gone]), tmp_path / "suite", fake_surroundings(tmp_path))
