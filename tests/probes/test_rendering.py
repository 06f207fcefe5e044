from pathlib import Path
from typing import Any

import pytest
from tiny_base import TEMPLATE
from tiny_base import tiny_base as tiny_base

from probes.data.rows import Message
from probes.errors import ConfigError
from probes.rendering import rendering_for

USER = Message(role="user", content="What is the tide?")
SYSTEM = Message(role="system", content="Be brief.")


@pytest.fixture
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


def test_a_row_is_the_template_with_each_special_token_once(tokenizer: Any) -> None:
    rendering = rendering_for(tokenizer, "tokenizer")
    prompt, (answer,) = rendering.row_ids([USER], ["It is low."])
    assert tokenizer.decode(prompt) == "<s><user>What is the tide?<assistant>"
    assert tokenizer.decode(answer) == "It is low.<end>"
    assert [*prompt, *answer].count(tokenizer.bos_token_id) == 1
    assert prompt == rendering.prompt_ids([USER])


def test_generation_stops_at_the_end_of_a_turn_and_at_the_end_of_text(tokenizer: Any) -> None:
    rendering = rendering_for(tokenizer, "tokenizer")
    assert rendering.end_of_turn == "<end>"
    assert rendering.stop_ids == {tokenizer.convert_tokens_to_ids("<end>"), tokenizer.eos_token_id}


def test_plain_text_gets_the_tokenizers_opening_and_one_end_of_text(tokenizer: Any) -> None:
    rendering = rendering_for(tokenizer, "none", "Be brief.")
    prompt, (answer,) = rendering.row_ids([USER], ["It is low."])
    assert tokenizer.decode(prompt) == "Be brief.\n\nWhat is the tide?\n"
    assert tokenizer.decode(answer) == "It is low.</s>"
    from tokenizers.processors import TemplateProcessing

    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    prompt, (answer,) = rendering_for(tokenizer, "none").row_ids([USER], ["It is low."])
    assert tokenizer.decode([*prompt, *answer]) == "<s>What is the tide?\nIt is low.</s>"


def test_the_system_prompt_comes_first_and_joins_a_rows_own(tokenizer: Any) -> None:
    assert rendering_for(tokenizer, "tokenizer", "Be kind.").prompt_text([USER]).startswith("<s>Be kind.\n<user>")
    both = rendering_for(tokenizer, "tokenizer", "Be kind.").prompt_text([SYSTEM, USER])
    assert both.startswith("<s>Be kind.\n\nBe brief.\n<user>")
    assert rendering_for(tokenizer, "tokenizer").prompt_text([SYSTEM, USER]).startswith("<s>Be brief.\n<user>")


def test_a_template_without_a_system_role_gets_the_system_text_in_the_first_user_turn(
    tokenizer: Any, tmp_path: Path
) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    )
    rendering = rendering_for(tokenizer, str(path), "Be kind.")
    assert rendering.prompt_text([SYSTEM, USER]) == "<s><user>Be kind.\n\nBe brief.\n\nWhat is the tide?<assistant>"


def test_a_template_that_ends_no_turn_gets_the_end_of_text(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "bare.jinja"
    path.write_text("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    assert rendering_for(tokenizer, str(path)).end_of_turn == "</s>"


def test_unusable_templates_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no file"):
        rendering_for(tokenizer, str(tmp_path / "none.jinja"))
    path = tmp_path / "broken.jinja"
    path.write_text("{% for m in messages %}")
    with pytest.raises(ConfigError, match="cannot render"):
        rendering_for(tokenizer, str(path))
    tokenizer.chat_template = None
    with pytest.raises(ConfigError, match='set `chat_template = "none"`'):
        rendering_for(tokenizer, "tokenizer")
