"""The questions of `nightlab init`: what a flag answers is not asked, and a wrong answer is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from probes.errors import ConfigError, DataError
from runner.init.answers import (
    OVERALL,
    Answers,
    JudgeName,
    Suite,
    TrainingData,
    read_data,
    read_hours,
    read_judge,
    read_model,
    read_name,
    read_rate,
    read_suite_files,
    read_target,
    split_files,
)
from runner.overrides import MINIATURE
from runner.planning import AUTO

T = TypeVar("T")

HOURS = "8"


class Flags(NamedTuple):
    """What the command line said; None or empty where it said nothing."""

    name: str | None = None
    model: str | None = None
    data: tuple[str, ...] = ()
    suite: tuple[str, ...] = ()
    target: str | None = None
    hours: str | None = None
    judge: str | None = None
    device_hour: str | None = None


@dataclass
class Conversation:
    """Whom to ask, and how."""

    ask: Callable[[str], str] | None
    """Shows a prompt and returns a line; None: nobody can be asked."""
    tell: Callable[[str], None]
    takes_defaults: bool = False
    """Whether every question that has a default is answered by it."""

    def answer(self, flag: str, given: str | None, question: str, default: str | None, read: Callable[[str], T]) -> T:
        """Return the answer to one question: its flag's, the default, or the user's.

        Raises:
            ConfigError: the flag's value is wrong, or nobody can be asked and there is no flag and no default.
            DataError: a file that the flag names cannot be used.
        """
        if given is not None:
            return read(given)
        if self.takes_defaults and default is not None:
            return read(default)
        if self.ask is None or self.takes_defaults:
            raise ConfigError(
                f"`nightlab init` was not told {flag}; give it"
                + (", or --yes for the defaults of what was not said" if default is not None else "")
                + (", or run it in a terminal" if self.ask is None else "")
            )
        while True:
            shown = f" [{default}]" if default else ""
            text = self.ask(f"{question}{shown}: ").strip() or (default or "")
            try:
                return read(text)
            except (ConfigError, DataError) as error:
                self.tell(f"  {error}")


def ask_all(flags: Flags, conversation: Conversation, stem: str) -> Answers:
    """Return all answers.

    Args:
        flags: What was said already.
        conversation: Who is asked for the rest.
        stem: Name of the session file, without its ending; the session is called so unless a flag says otherwise.

    Raises:
        ConfigError: see `Conversation.answer`.
        DataError: likewise.
    """
    name = read_name(flags.name) if flags.name is not None else None
    talk, tell = conversation.answer, conversation.tell
    is_quiet = conversation.ask is None or conversation.takes_defaults or _says_all(flags)
    model = talk("--model", flags.model, "Model: a folder, a hub name or miniature", MINIATURE, read_model)
    data = _ask_data(flags, conversation, model)
    if data is not None:
        kind = "preference pairs" if data.objective == "orpo" else "answers to learn"
        tell(f"  {data.rows:,} {kind}: objective {data.objective}")
    suite = _ask_suite(flags, conversation, model)
    if suite is not None:
        tell("  " + ", ".join(f"{category} {items}" for category, items in suite.categories.items()))
    judge = _ask_judge(flags, conversation, suite)
    question = f"Target: a category, {OVERALL} or {AUTO} (the weakest)"
    target = talk("--target", flags.target, question, AUTO, lambda text: read_target(text, suite))
    hours = talk("--hours", flags.hours, "Hours the night may take", HOURS, read_hours)
    rate_question = "USD for an hour of your device (empty: not counted)"
    rate_given = flags.device_hour if flags.device_hour is not None or not is_quiet else ""
    rate = talk("--device-hour", rate_given, rate_question, "", read_rate)
    return Answers(name or _name_for(stem, model), model, data, suite, target, hours, judge, rate)


def _says_all(flags: Flags) -> bool:
    """Return whether every question that matters was answered by a flag."""
    brings_own = flags.model == MINIATURE
    files = brings_own or (bool(flags.data) and bool(flags.suite))
    return None not in (flags.model, flags.target, flags.hours) and files


def _ask_data(flags: Flags, conversation: Conversation, model: str) -> TrainingData | None:
    if model == MINIATURE and not flags.data:
        return None
    if flags.data:
        return read_data(flags.data)
    question = "Training data: JSONL files"
    return conversation.answer("--data", None, question, None, lambda text: read_data(split_files(text)))


def _ask_suite(flags: Flags, conversation: Conversation, model: str) -> Suite | None:
    if model == MINIATURE and not flags.suite:
        return None
    if flags.suite:
        return read_suite_files(flags.suite)
    question = "Evaluation suite: JSONL files"
    return conversation.answer("--suite", None, question, None, lambda text: read_suite_files(split_files(text)))


def _ask_judge(flags: Flags, conversation: Conversation, suite: Suite | None) -> JudgeName | None:
    if flags.judge is not None:
        return read_judge(flags.judge)
    if suite is None or not suite.needs_judge:
        return None
    question = "Judge of the items without a scorer, provider:model"
    return conversation.answer("--judge", None, question, None, read_judge)


def _name_for(stem: str, model: str) -> str:
    """Return the file's name, the model's where the file is called like any other."""
    wanted = model.rstrip("/").rpartition("/")[2] if stem == "session" else stem
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in wanted)
    return kept.strip("._-")[:64] or "session"
