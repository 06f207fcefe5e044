"""Which lanes and knobs a night gets, and what a session file may not ask for."""

import subprocess
import sys

import pytest

from lanes.config import ChoiceKnob, LanesConfig, MixKnob, NumericKnob, OrderKnob
from lanes.open import OPENINGS, configured_lanes, open_lanes, why_left_out
from probes.candidate import LANES, Change
from probes.errors import ConfigError
from probes.recipe import Curriculum, DataMix, MixRule, Recipe

BASELINE = Recipe(base_model="miniature", learning_rate=5e-3, steps=80, curriculum=Curriculum(sources=("letters",)))
TAGS = {
    "category": {"voice": 40, "truth": 60, "(none)": 3},
    "difficulty": {"easy": 70, "hard": 60},
    "source": {"letters": 50, "books": 80},
}


def test_every_lane_has_its_section_and_its_opening() -> None:
    assert tuple(OPENINGS) == LANES
    assert set(LanesConfig.model_fields) == {"closed", *LANES}


def test_a_session_without_knobs_gets_the_documented_defaults() -> None:
    lanes = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")
    assert list(lanes) == ["hyperparameters", "data_mix", "curriculum"]
    assert list(lanes["hyperparameters"].knobs) == ["learning_rate", "beta", "rank", "alpha", "dropout"]
    assert "± 0.01" in lanes["hyperparameters"].knobs["beta"]
    assert lanes["data_mix"].knobs == {"truth": "one of 1, 2, 3", "voice": "one of 1, 2, 3"}
    orders = "shuffle, source_first, source_last, easy_first, hard_first, interleave"
    assert lanes["curriculum"].knobs == {"order": f"one of {orders}"}


def test_the_curriculum_drops_orders_that_the_data_cannot_support_and_says_so() -> None:
    baseline = BASELINE.replace(curriculum=Curriculum())
    lanes = open_lanes(LanesConfig(), baseline, {"category": TAGS["category"]}, "optuna")
    words = lanes["curriculum"].knobs["order"]
    assert words.startswith("one of shuffle, interleave; ")
    assert "`easy_first` is left out: rows need a `difficulty` tag" in words
    assert "`source_first` is left out: name the sources in `[recipe.curriculum] sources`" in words
    change = Change(lane="curriculum", knob="order", before="shuffle", after="easy_first")
    assert "`difficulty` tag" in (lanes["curriculum"].refusal(change, baseline) or "")


def test_lanes_that_the_data_cannot_vary_or_the_session_closed_are_left_out() -> None:
    assert list(open_lanes(LanesConfig(), BASELINE, {}, "random")) == ["hyperparameters"]
    closed = LanesConfig(closed=("hyperparameters", "curriculum"))
    assert list(open_lanes(closed, BASELINE, TAGS, "random")) == ["data_mix"]
    with pytest.raises(ConfigError, match="at least one lane"):
        open_lanes(closed, BASELINE, {}, "random")


def test_every_lane_that_is_left_out_has_its_reason() -> None:
    config = LanesConfig(closed=("curriculum",))
    opened = open_lanes(config, BASELINE, {}, "random")
    reasons = why_left_out(config, BASELINE, {}, opened)
    assert list(reasons) == ["data_mix", "curriculum"]
    assert "`category` tag with two values" in reasons["data_mix"]
    assert reasons["curriculum"] == "the session closes it in `[lanes] closed`"
    without = why_left_out(LanesConfig(), BASELINE, {}, open_lanes(LanesConfig(), BASELINE, {}, "random"))
    assert "`easy_first`: rows need a `difficulty` tag" in without["curriculum"]
    assert why_left_out(LanesConfig(), BASELINE, TAGS, open_lanes(LanesConfig(), BASELINE, TAGS, "random")) == {}
    assert configured_lanes(LanesConfig(curriculum={"order": OrderKnob()})) == {"curriculum"}


def test_a_closed_lane_is_not_looked_at() -> None:
    wrong = {"nothing": MixKnob(tags={"category": ("no such",)}, repeats=(1, 2))}
    with pytest.raises(ConfigError, match="must match rows"):
        open_lanes(LanesConfig(data_mix=wrong), BASELINE, TAGS, "random")
    closed = LanesConfig(data_mix=wrong, closed=("data_mix",))
    assert list(open_lanes(closed, BASELINE, TAGS, "random")) == ["hyperparameters", "curriculum"]


def test_sft_has_no_beta_to_search() -> None:
    sft = BASELINE.replace(objective="sft")
    assert "beta" not in open_lanes(LanesConfig(), sft, {}, "optuna")["hyperparameters"].knobs
    with pytest.raises(ConfigError, match="has no beta"):
        open_lanes(
            LanesConfig(hyperparameters={"beta": NumericKnob(low=0.05, high=1, max_step=0.01)}), sft, {}, "optuna"
        )


@pytest.mark.parametrize("rate", [1e-6, 2e-5, 0.5, 1.0])
@pytest.mark.parametrize("beta", [0.004, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("rank", [1, 6, 1024])
def test_defaults_fit_any_baseline(rate: float, beta: float, rank: int) -> None:
    baseline = BASELINE.replace(learning_rate=rate, beta=beta, rank=rank, alpha=4.0 * rank, dropout=0.95)
    lane = open_lanes(LanesConfig(), baseline, {}, "optuna")["hyperparameters"]
    for knob in lane.knobs:
        tried = [lane.ask(baseline, [], seed) for seed in range(2)]
        assert all(change is not None and lane.refusal(change, baseline) is None for change in tried), knob


@pytest.mark.parametrize(
    ("field", "knob", "words"),
    [
        ("learning_rate", NumericKnob(low=1e-5, high=1e-3, max_factor=2), "between 1e-05 and 0.001, got 0.005"),
        ("learning_rate", NumericKnob(low=1e-3, high=5, max_factor=2), "allows 5.0, which no recipe can have"),
        ("dropout", NumericKnob(low=0, high=0.5, max_factor=2), "must give `max_step`"),
        ("rank", ChoiceKnob(values=(4, 8)), "must be one of 4, 8, got 16"),
        ("scheduler", ChoiceKnob(values=("cosine", "zigzag")), "allows 'zigzag'"),
    ],
)
def test_a_knob_no_recipe_could_follow_is_refused_before_the_night(field: str, knob: object, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s).*{words}.*") as caught:
        open_lanes(LanesConfig(hyperparameters={field: knob}), BASELINE, TAGS, "optuna")
    assert f"hyperparameters.{field}]" in str(caught.value)


def test_a_mix_knob_must_match_rows() -> None:
    knob = MixKnob(tags={"category": ("poems",)}, repeats=(2,))
    with pytest.raises(ConfigError, match=r"no row has `category` among poems; the data has .*truth, voice"):
        open_lanes(LanesConfig(data_mix={"poems": knob}), BASELINE, TAGS, "optuna")
    with_words = MixKnob(tags={"category": ("poems",)}, prompt_words=("rhyme",), repeats=(2,))
    assert "data_mix" in open_lanes(LanesConfig(data_mix={"poems": with_words}), BASELINE, TAGS, "optuna")


def test_a_mix_knob_and_the_baseline_rule_of_its_name_match_the_same_rows() -> None:
    rule = MixRule(name="truth", tags={"category": ("truth",)}, repeat=4)
    baseline = BASELINE.replace(mix=DataMix(rules=(rule,)))
    lanes = open_lanes(LanesConfig(), baseline, TAGS, "optuna")
    assert lanes["data_mix"].knobs["truth"] == "one of 1, 2, 3, 4"
    assert lanes["data_mix"].value(baseline, "truth") == 4
    knob = MixKnob(tags={"category": ("voice",)}, repeats=(2,))
    with pytest.raises(ConfigError, match="must match the same rows"):
        open_lanes(LanesConfig(data_mix={"truth": knob}), baseline, TAGS, "optuna")


def test_explicit_orders_keep_the_baselines_own() -> None:
    config = LanesConfig(curriculum={"order": OrderKnob(values=("easy_first", "interleave"))})
    words = open_lanes(config, BASELINE, TAGS, "optuna")["curriculum"].knobs["order"]
    assert words == "one of shuffle, easy_first, interleave"


def test_opening_lanes_and_the_first_asks_do_not_load_optuna() -> None:
    code = (
        "import sys; from lanes.open import open_lanes; from lanes.config import LanesConfig; "
        "from probes.recipe import Recipe; base = Recipe(base_model='m'); "
        "open_lanes(LanesConfig(), base, {}, 'optuna')['hyperparameters'].ask(base, [], 0); "
        "assert 'optuna' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
