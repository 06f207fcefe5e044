"""How messages become tokens: the one module that training and evaluation share, so that their formats cannot differ.

A prompt is rendered by the chat template with its generation prompt; an answer is its own text followed by the
template's end of an assistant turn. Each special token therefore appears exactly where the template puts it, and
nothing downstream may add another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError

from probes.data.conversation import Message
from probes.errors import ConfigError
from probes.frozen import digest_of

_SENTINEL = "nightlab-answer-goes-here"


@dataclass(frozen=True)
class Rendering:
    """A tokenizer together with the template and system prompt of a recipe."""

    tokenizer: Any
    template: str | None
    """Jinja source; None is plain text."""
    system_prompt: str | None
    folds_system: bool
    """The template knows no system role: the system text opens the first user turn instead."""
    end_of_turn: str
    """What follows an answer; its last token stops generation."""
    stop_ids: frozenset[int]
    opening_ids: tuple[int, ...] = ()
    """Tokens before a plain text, as the tokenizer puts them; a template brings its own."""

    @property
    def template_digest(self) -> str:
        """16 hex digits that change with the template and with nothing else."""
        return digest_of(self.template)

    def prompt_text(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """Return the text that the model continues with its answer; `tools` are rendered by the template."""
        turns = self.turns(messages)
        if self.template is None:
            text = "\n\n".join(turn.content for turn in turns)
            return text if text[-1:].isspace() else text + "\n"
        return _apply(self.tokenizer, self.template, turns, add_generation_prompt=True, tools=tools)

    def turns(self, messages: Sequence[Message]) -> list[Message]:
        """Return the turns that the template sees, the recipe's system prompt in its place."""
        return _with_system(messages, self.system_prompt, self.folds_system or self.template is None)

    def prompt_ids(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> list[int]:
        """Return the tokens of the prompt, with a beginning-of-text token only where the format has one."""
        return self._encode(self.prompt_text(messages, tools))

    def row_ids(self, messages: Sequence[Message], answers: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the tokens of a prompt and, for each answer, those that follow it up to the end of its turn.

        The prompt's tokens are exactly those that evaluation feeds. An answer is tokenized in its context where the
        tokenizer keeps the prompt's tokens unchanged (it nearly always does), else on its own.
        """
        text = self.prompt_text(messages)
        prompt = self._encode(text)
        following: list[list[int]] = []
        for answer in answers:
            whole = self._encode(text + answer + self.end_of_turn)
            if whole[: len(prompt)] == prompt:
                following.append(whole[len(prompt) :])
            else:
                following.append(_encode(self.tokenizer, answer + self.end_of_turn))
        return prompt, following

    def _encode(self, text: str) -> list[int]:
        return [*self.opening_ids, *_encode(self.tokenizer, text)]


def rendering_for(tokenizer: Any, chat_template: str, system_prompt: str | None = None) -> Rendering:
    """Return the rendering of a recipe's `chat_template` (`tokenizer`, `none` or a Jinja file) and `system_prompt`.

    Raises:
        ConfigError: the tokenizer has no template, no end-of-text token, or the template cannot be read or used.
    """
    if tokenizer.eos_token is None:
        raise ConfigError("the tokenizer has no `eos_token`, so no answer could ever end; set it in its config")
    template = _template_source(tokenizer, chat_template)
    if template is None:
        end = str(tokenizer.eos_token)
        opening = [token for token in tokenizer("")["input_ids"] if token == tokenizer.bos_token_id]
        stops = frozenset({int(tokenizer.eos_token_id)})
        return Rendering(tokenizer, None, system_prompt, True, end, stops, tuple(opening[:1]))
    end = _end_of_turn(tokenizer, template)
    stops = frozenset({int(tokenizer.eos_token_id), _encode(tokenizer, end)[-1]})
    return Rendering(tokenizer, template, system_prompt, _folds_system(tokenizer, template), end, stops)


def _template_source(tokenizer: Any, chat_template: str) -> str | None:
    if chat_template == "none":
        return None
    if chat_template == "tokenizer":
        source = tokenizer.chat_template
        if not isinstance(source, str):
            raise ConfigError(
                "`chat_template` is `tokenizer`, but this tokenizer has no chat template; "
                'set `chat_template = "none"` in `[model]` or give the path of a Jinja file'
            )
        return source
    path = Path(chat_template)
    if not path.is_file():
        raise ConfigError(f"`chat_template` must be `tokenizer`, `none` or a Jinja file; `{path}` is no file")
    return path.read_text(encoding="utf-8")


def _apply(
    tokenizer: Any,
    template: str,
    turns: Sequence[Message],
    *,
    add_generation_prompt: bool,
    tools: Sequence[Mapping[str, Any]] = (),
) -> str:
    text = tokenizer.apply_chat_template(
        [{"role": turn.role, "content": turn.content} for turn in turns],
        tools=list(tools) or None,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=add_generation_prompt,
    )
    return str(text)


def _end_of_turn(tokenizer: Any, template: str) -> str:
    """Return what the template puts after an assistant's text, up to and including its last special token."""
    turns = [Message(role="user", content="x"), Message(role="assistant", content=_SENTINEL)]
    try:
        text = _apply(tokenizer, template, turns, add_generation_prompt=False)
    except TemplateError as error:
        raise ConfigError(f"the chat template cannot render a user turn and an answer: {error}") from error
    tail = text.rpartition(_SENTINEL)[2] if _SENTINEL in text else ""
    ends = [tail.rfind(token) + len(token) for token in tokenizer.all_special_tokens if token in tail]
    return tail[: max(ends)] if ends else tail.rstrip() + str(tokenizer.eos_token)


def _folds_system(tokenizer: Any, template: str) -> bool:
    turns = [Message(role="system", content=_SENTINEL), Message(role="user", content="x")]
    try:
        return _SENTINEL not in _apply(tokenizer, template, turns, add_generation_prompt=True)
    except TemplateError:
        return True


def _with_system(messages: Sequence[Message], system_prompt: str | None, folds: bool) -> list[Message]:
    turns = list(messages)
    parts = [system_prompt] if system_prompt else []
    if turns and turns[0].role == "system" and (parts or folds):
        parts.append(turns.pop(0).content)
    if not parts:
        return turns
    system = "\n\n".join(parts)
    if folds and turns and turns[0].role == "user":
        return [Message(role="user", content=f"{system}\n\n{turns[0].content}"), *turns[1:]]
    return [Message(role="system", content=system), *turns]


def _encode(tokenizer: Any, text: str) -> list[int]:
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
