from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from fakes_session import SESSION

from probes.errors import ConfigError
from runner.complaints import SPELLINGS
from runner.config import SessionConfig
from runner.overrides import config_digest, load_session, parse_setting, resolved_toml


def load(folder: Path, *settings: str, text: str = SESSION) -> SessionConfig:
    file = folder / "session.toml"
    file.write_text(text)
    return load_session(file, settings)


def complaint(folder: Path, *settings: str, text: str = SESSION) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, *settings, text=text)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("recipe.learning_rate=1e-4", ("recipe", "learning_rate"), 1e-4),
        ("recipe.objective=dpo", ("recipe", "objective"), "dpo"),
        ('name="a b"', ("name",), "a b"),
        ("name=a=b", ("name",), "a=b"),
        ("guards.categories=['a', 'b']", ("guards", "categories"), ["a", "b"]),
        ("tracking.mlflow=false", ("tracking", "mlflow"), False),
        ('guards.margins."two words"=2', ("guards", "margins", "two words"), 2),
        ("name=1\nseed=2", ("name",), "1\nseed=2"),
        ("recipe.system_prompt=Answer in verse.", ("recipe", "system_prompt"), "Answer in verse."),
    ],
)
def test_settings_are_toml_and_bare_words_are_text(text: str, path: tuple[str, ...], value: object) -> None:
    assert parse_setting(text) == (path, value)


@pytest.mark.parametrize("text", ["recipe.rank", "=3", "a b=3", "a..b=1"])
def test_a_setting_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_setting(text)


def test_later_wins_over_file_and_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "recipe.rank=8", "recipe.rank=16", "guards.margins.ground_truth=2")
    assert config.recipe.rank == 16
    assert config.recipe.learning_rate == 2e-3
    assert config.recipe.beta == 0.1
    assert config.guards.margins == {"ground_truth": 2.0}


def test_the_baseline_follows_model_and_probe(tmp_path: Path) -> None:
    config = load(tmp_path, "probe.steps=7", "model.dtype=float32")
    assert config.recipe.steps == 7
    assert config.recipe.chat_template == "none"
    assert config.recipe.precision == "float32"
    assert config.recipe.base_model == config.model.base
    assert "must equal `probe.steps` (5)" in complaint(tmp_path, "recipe.steps=9")


def test_paths_are_relative_to_the_session_file(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    config = load(tmp_path, "suite.held_out=['held.jsonl']", "model.chat_template=chat.jinja")
    assert config.data.train == (str(tmp_path / "rows.jsonl"),)
    assert config.suite.items == (str(tmp_path / "items.jsonl"),)
    assert config.suite.held_out == (str(tmp_path / "held.jsonl"),)
    assert config.model.base == str(tmp_path / "base")
    assert config.recipe.chat_template == str(tmp_path / "chat.jinja")


@pytest.mark.parametrize("name", ["miniature", "org/model", "model"])
def test_hub_names_and_the_miniature_stay_as_they_are(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f"model.base={name}").model.base == name


def test_the_resolved_file_reads_back_as_itself(tmp_path: Path) -> None:
    config = load(tmp_path, "budget.hours=2")
    (tmp_path / "resolved.toml").write_text(resolved_toml(config))
    again = load_session(tmp_path / "resolved.toml")
    assert again == config
    assert config_digest(again) == config_digest(config)
    assert config_digest(load(tmp_path, "seed=1")) != config_digest(config)
    assert tomllib.loads(resolved_toml(config))["budget"]["hours"] == 2


def test_out_of_bounds_names_key_rule_value_and_place(tmp_path: Path) -> None:
    said = complaint(tmp_path, text=SESSION.replace("2e-3", "5"))
    assert said == f"`recipe.learning_rate` must be ≤ 1, got 5; change it in {tmp_path / 'session.toml'}"
    assert complaint(tmp_path, "recipe.learning_rate=5").endswith("change it in `--set`")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("recipe.lerning_rate=1e-4", "did you mean `learning_rate`?"),
        ("budgets.probes=9", "did you mean `budget`?"),
        ("lanes.hyperparameters.learning_rate.max_faktor=2", "did you mean `max_factor`?"),
        ("suite.generation.top=2", "`[suite.generation]`: did you mean `top_"),
        ("recipe.rank=lots", '`recipe.rank` must be a whole number, got "lots"'),
        ("recipe.rank=1.5", "`recipe.rank` must be a whole number, got 1.5"),
        ("recipe.learning_rate=nan", "must be a finite number"),
        ("recipe.objective=ppo", "must be one of 'orpo', 'dpo' or 'sft', got \"ppo\""),
        ("budget.probes=20.5", "`budget.probes` must be a whole number"),
        ("data.train=rows.jsonl", "`data.train` must be a list"),
        ("recipe=3", "`recipe` must be a table"),
        ("suite.held_out=1.5", "`suite.held_out` must be below 1, got 1.5"),
        ("budget.probes=15", "must be at least 19"),
        ("recipe.curriculum.order=alphabetical", "must be one of 'shuffle'"),
        ("lanes.hyperparameters.rank.low=1", "`lanes.hyperparameters.rank.high` must be given"),
        ("name=a/b", "`name` must have at most 64 letters, digits, dots, dashes and underscores, and begin with a"),
        ("seed=9876543210", "`seed` must be ≤ 2147483647, got 9876543210"),
        ("agent.model=''", "`agent.model` must not be empty"),
        ("agent.proposer=optunaa", "'gp', 'random', 'space_filling', 'hybrid', 'anthropic' or 'openai', got"),
    ],
)
def test_each_mistake_says_what_to_write_instead(tmp_path: Path, setting: str, words: str) -> None:
    assert words in complaint(tmp_path, setting)


@pytest.mark.parametrize(
    ("settings", "cures"),
    [
        (["budgt.probes=3"], ["`--set`"]),
        (['lanes.closed=["data_mixx"]'], ["`--set`"]),
        (["recipe.lerning_rate=1", "seed=2"], ["`--set`"]),
        (["budget.usd=3"], ["`--set` or FILE"]),
        (["launcher.workers=1", "judge.provider=x"], ["`--set`", "FILE"]),
        (["seed=1", "budget.confirm_probes=34"], ["`--set` or FILE"]),
    ],
)
def test_the_cure_names_where_the_mistake_was_written(tmp_path: Path, settings: list[str], cures: list[str]) -> None:
    lines = complaint(tmp_path, *settings).splitlines()
    file = str(tmp_path / "session.toml")
    assert [line.rpartition("change it in ")[2].replace(file, "FILE") for line in lines] == cures


def test_a_mistake_of_the_file_is_cured_there_whatever_is_set(tmp_path: Path) -> None:
    said = complaint(tmp_path, "recipe.alpha=4", text=SESSION.replace("rank = 4", "rank = 0"))
    assert said == f"`recipe.rank` must be ≥ 1, got 0; change it in {tmp_path / 'session.toml'}"


@pytest.mark.parametrize("setting", ["probe.steps=0", "model.dtype=float8", "model.base=3"])
def test_a_key_that_follows_another_is_not_complained_of_beside_it(tmp_path: Path, setting: str) -> None:
    (line,) = complaint(tmp_path, setting).splitlines()
    assert line.startswith(f"`{setting.partition('=')[0]}` must be ")


def test_every_pattern_of_a_session_file_is_told_in_words() -> None:
    text = json.dumps(SessionConfig.model_json_schema())
    found = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")|"patternProperties": {("(?:[^"\\]|\\.)*")', text)
    patterns = {json.loads(one or other) for one, other in found}
    assert r"^[A-Z][A-Z0-9_]*$" in patterns
    assert patterns <= set(SPELLINGS)


@pytest.mark.parametrize(
    ("setting", "first"),
    [
        ("lerning_rate={low = 1e-3, high = 1e-2}", "a recipe has no such field; did you mean `learning_rate`?"),
        ("zzz={low = 1, high = 2, max_step = 1}", "a recipe has no such field; known are `system_prompt`, "),
        ("steps={low = 1, high = 9}", "probes are only compared at equal steps, set in `[probe]`; choose from "),
    ],
)
def test_a_knob_that_is_no_field_is_told_before_what_is_wrong_inside_it(
    tmp_path: Path, setting: str, first: str
) -> None:
    lines = complaint(tmp_path, f"lanes.hyperparameters.{setting}").splitlines()
    assert first in lines[0]
    assert all("step limit" in line for line in lines[1:])


def test_a_list_position_counts_from_one(tmp_path: Path) -> None:
    text = (
        SESSION
        + '[[recipe.mix.rules]]\nname = "a"\ntags = { source = ["x"] }\n[[recipe.mix.rules]]\nname = "b"\nrepeat = 0\n'
    )
    assert "`recipe.mix.rules[2].repeat` must be ≥ 1, got 0" in complaint(tmp_path, text=text)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, "recipe.rank=0", "recipe.bta=2", "probe.deadline_s=-1")
    assert len(said.splitlines()) == 3


def test_a_session_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_session(tmp_path / "missing.toml")
    assert "not valid TOML" in complaint(tmp_path, text="name = ")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="UTF-8"):
        load_session(tmp_path / "latin.toml")


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "runner" / "sessions").glob("*.toml")))
def test_every_shipped_session_is_valid(file: Path) -> None:
    assert load_session(file).name == file.stem


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ('{kind = "contraction", weight = 1}', "components[1].kind` must be one of 'keywords'"),
        ("{weight = 1}", "components[1].kind` must be given"),
        ('{kind = "contractions"}', "components[1].weight` must be given"),
        ("", "components` must have at least 1 elements, got []"),
    ],
)
def test_one_mistake_in_the_suites_scorer_is_one_complaint(tmp_path: Path, component: str, words: str) -> None:
    text = complaint(tmp_path, text=f"{SESSION}[suite.scorer]\ncomponents = [{component}]\n")
    assert words in text
    assert len(text.splitlines()) == 1


JUDGE = """
[judge]
provider = "anthropic"
model = "claude-sonnet-4-5"
prices."claude-sonnet-4-5" = { input = 3.0, output = 15.0 }

[judge.rubrics.letters]
components = [
    { name = "voice", weight = 0.6, description = "It sounds like a letter." },
    { name = "facts", weight = 0.4, description = "It is true." },
]
"""


def test_a_judge_is_read_resolved_and_read_again(tmp_path: Path) -> None:
    config = load(tmp_path, "judge.parallel=9", text=SESSION + JUDGE)
    assert config.judge is not None
    assert (config.judge.parallel, config.judge.max_tokens, list(config.judge.rubrics)) == (9, 2048, ["letters"])
    again = load(tmp_path, text=resolved_toml(config))
    assert again == config


def test_a_rubric_whose_weights_do_not_sum_to_1_and_an_open_address_are_complained_of(tmp_path: Path) -> None:
    text = complaint(tmp_path, text=SESSION + JUDGE.replace("0.4", "0.5"))
    assert "judge.rubrics.letters" in text
    assert "sum to 1, got 1.1" in text
    assert "`judge.base_url`: must be https" in complaint(
        tmp_path, "judge.base_url=http://example.org", text=SESSION + JUDGE
    )
