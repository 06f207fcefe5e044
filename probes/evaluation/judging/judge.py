"""The judge at work: asks, asks once more when a reply was cut off, and writes every judgement down.

No reply of a judge is an exception: what cannot be read leaves the answer unscored with the reason. Only a judge that
nobody can reach by waiting, because its key, name or address is wrong, ends the probe.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from probes.errors import ModelReplyError
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.judging.ladder import read_object
from probes.evaluation.judging.prompt import new_boundary, system_text, user_text
from probes.evaluation.judging.rubric import Rubric
from probes.evaluation.judging.usage import Judgement, JudgeUsage, tally
from probes.evaluation.judging.verdict import read_verdict
from probes.evaluation.scorers.component import MAX_SCORED_CHARACTERS
from probes.evaluation.scorers.exchange import Exchange
from probes.frozen import digest_of
from probes.language_models.model import Ask, LanguageModel, Reply, Turn, Usage
from probes.language_models.open import open_model
from probes.language_models.prices import cost_usd, price_of
from probes.loopback import is_loopback

JUDGEMENTS_NAME = "judgements.jsonl"


def open_judge(config: JudgeConfig, environ: Mapping[str, str], folder: Path) -> Judge:
    """Return a judge that writes `judgements.jsonl` into `folder`.

    Raises:
        LaunchError: the key is missing.
    """
    return Judge(open_model(config, environ), config, folder / JUDGEMENTS_NAME)


class Judge:
    """Judges answers one at a time, from as many threads as one likes."""

    def __init__(self, model: LanguageModel, config: JudgeConfig, file: Path) -> None:
        """Ask `model`; `file` is begun anew."""
        self._model, self._config, self._file = model, config, file
        self._lock = threading.Lock()
        self._judgements: list[Judgement] = []
        file.unlink(missing_ok=True)

    def rubric(self, name: str) -> Rubric | None:
        """Return the session's rubric of that name."""
        return self._config.rubrics.get(name)

    def judge(self, rubric: Rubric, exchange: Exchange) -> Judgement:
        """Return the judgement of one answer, and append it to the file.

        Raises:
            LaunchError: the judge cannot be asked at all.
        """
        started = time.monotonic()
        replies: list[Reply] = []
        found = Judgement(
            item=exchange.item,
            sample=exchange.sample,
            rubric=digest_of(rubric.model_dump(mode="json")),
            model=self._config.model,
        )
        try:
            self._ask(rubric, exchange, replies)
            data, strategy = read_object(replies[-1].text, replies[-1].stop_reason, rubric.required)
            found = found.model_copy(update={"strategy": strategy})
            found = found.model_copy(update=dict(read_verdict(data, rubric)))
        except ModelReplyError as error:
            found = found.model_copy(update={"unscored": str(error)})
        found = found.model_copy(update={**self._account(replies), "seconds": time.monotonic() - started})
        with self._lock:
            self._judgements.append(found)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found.model_dump(mode="json"), ensure_ascii=False) + "\n")
        return found

    def usage(self) -> JudgeUsage:
        """Return what all judgements so far took."""
        with self._lock:
            judgements = list(self._judgements)
        bare = tally(judgements)
        return bare.model_copy(update={"warnings": usage_warnings(bare, self._config)})

    def close(self) -> None:
        """End the model's connections."""
        self._model.close()

    def _ask(self, rubric: Rubric, exchange: Exchange, replies: list[Reply]) -> None:
        """Fill `replies`: a second one only when the first was cut off."""
        question = user_text(exchange.messages, _answer(exchange), new_boundary())
        for max_tokens in (self._config.max_tokens, 2 * self._config.max_tokens):
            request = Ask(
                system=system_text(rubric),
                turns=(Turn("user", question),),
                max_tokens=max_tokens,
                schema=rubric.reply_schema(),
                temperature=self._config.temperature,
            )
            replies.append(self._model.complete(request))
            if replies[-1].stop_reason != "length":
                return

    def _account(self, replies: list[Reply]) -> dict[str, object]:
        """Return a judgement's fields about the replies themselves."""
        if not replies:
            return {"calls": 1}
        price = price_of(self._config.model, self._config.prices)
        usage: Usage | None = Usage()
        for reply in replies:
            usage = None if usage is None or reply.usage is None else usage.plus(reply.usage)
        return {
            "model": replies[-1].model,
            "stop_reason": replies[-1].stop_reason,
            "calls": len(replies),
            "requests": sum(reply.attempts for reply in replies),
            "usage": usage,
            "cost_usd": cost_usd(usage, price),
            "dropped": replies[-1].dropped,
            "reply": replies[-1].text,
        }


def usage_warnings(usage: JudgeUsage, config: JudgeConfig) -> tuple[str, ...]:
    """Return what a reader of the scores should know about how they came about."""
    found: list[str] = []
    if usage.cost_usd is None and usage.calls:
        cause = "a reply came without usage" if usage.usage is None else f"no price for `{config.model}` is known"
        found.append(f"the judge's cost is unknown: {cause}; set `[judge.prices]`")
    tokens = usage.usage
    if tokens is not None and usage.calls > 1 and not tokens.cache_read_tokens and not is_loopback(config.address):
        found.append(
            f"no reply read the prompt cache in {usage.calls} calls: the rubric is shorter than the least that "
            f"`{config.model}` caches, or changes between calls; every call paid for it in full"
        )
    if "schema" in usage.dropped:
        found.append(f"`{config.model}` does not take a JSON schema: verdicts were read from free text")
    if usage.unscored:
        silent = f", {usage.no_reply} of them without any reply" if usage.no_reply else ""
        found.append(f"{usage.unscored} of {usage.answers} answers could not be judged{silent}")
    return tuple(found)


def _answer(exchange: Exchange) -> str:
    """Return the answer as the judge sees it: its beginning, and the calls beside it."""
    text = exchange.text
    if len(text) > MAX_SCORED_CHARACTERS:
        text = f"{text[:MAX_SCORED_CHARACTERS]}\n[the answer goes on; only its beginning is judged]"
    calls = [
        f"[calls {call.name} with {json.dumps(call.arguments, ensure_ascii=False)}]" for call in exchange.tool_calls
    ]
    return "\n".join([text, *calls])
