"""The session for a model of 8 billion parameters, with a model and data of its shape put in for the reader's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_base, write_items, write_rows

from runner.check import check_session
from runner.estimate import Assumed, estimate, phases
from runner.overrides import load_session
from runner.serving.command import smallest_rank

SESSION = Path(__file__).parents[2] / "docs" / "sessions" / "eight_billion.toml"
CATEGORIES = ("ground_truth", "private_voice", "verified_response", "anachronism_trap")
ASSUMED = Assumed(8e9, 1000.0, 0.4, 500, 72, 200, 1800.0, 20.0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copy(SESSION, tmp_path / SESSION.name)
    write_rows(tmp_path / "pairs.jsonl")
    write_items(tmp_path / "items.jsonl", 24, CATEGORIES)
    (tmp_path / "models").mkdir()
    write_base(tmp_path / "models" / "qwen3-8b", 64)
    (tmp_path / "models" / "qwen3-8b" / "chat_template.jinja").write_text("{{ messages }}")
    return tmp_path


def test_the_session_concludes_on_a_suite_of_24_items_a_category(place: Path) -> None:
    # Only its server is left out: an environment with vLLM is the reader's own.
    settings = ("serving={}", "tracking.mlflow=false")
    config = load_session(place / SESSION.name, settings)
    checked = check_session(config, fake_surroundings(place))
    assert checked.preflight.problems == ()
    assert set(checked.prepared.inputs.search_items.values()) == {12}
    assert {knob for knobs in checked.prepared.space.values() for knob in knobs} >= {
        "learning_rate",
        "beta",
        "rank",
        "alpha",
    }


def test_its_server_takes_every_rank_of_the_lane_and_the_budget_pays_for_all_probes(place: Path) -> None:
    config = load_session(place / SESSION.name)
    assert smallest_rank(config.recipe, config.lanes, config.serving.max_lora_rank) == 64
    assert config.serving.starts_server
    usd, rate = config.budget.usd, config.budget.rates.device_hour
    assert usd is not None
    assert rate is not None
    assert config.budget.probes * estimate(config, ASSUMED).probe_s / 3600 * rate < usd


def test_the_estimate_is_its_arithmetic(place: Path) -> None:
    found = estimate(load_session(place / SESSION.name), ASSUMED)
    assert found.step_tokens == 8 * 2 * 500
    assert found.step_s == pytest.approx(4 * 8e9 * 8000 / 4e14)
    assert found.train_s == pytest.approx(300 * 0.64)
    assert found.answer_s == pytest.approx(72 * 3 * 200 / 1800)
    assert found.probe_s == pytest.approx(192 + 24 + 20)


def test_dpo_costs_its_reference_and_sft_one_answer(place: Path) -> None:
    orpo, dpo, sft = (
        estimate(load_session(place / SESSION.name, [f"recipe.objective={name}"]), ASSUMED)
        for name in ("orpo", "dpo", "sft")
    )
    assert dpo.step_s == pytest.approx(1.5 * orpo.step_s)
    assert sft.step_s == pytest.approx(0.5 * orpo.step_s)


def test_the_phases_of_the_estimate_sum_to_the_budget(place: Path) -> None:
    config = load_session(place / SESSION.name)
    counts = list(phases(config, estimate(config, ASSUMED)).columns[1].cells)
    assert sum(int(str(count)) for count in counts[:-1]) == int(str(counts[-1])) == config.budget.probes
