"""What a night still records before its last line, for the report to be rebuilt from the ledger alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from probes.errors import DataError, NightlabError
from probes.evaluation.backends.backend import Response
from probes.evaluation.responses import read_responses
from probes.language_models.model import LanguageModel
from probes.language_models.prices import cost_usd, price_of
from runner.config import SessionConfig
from runner.report.scores import Means, completed_probes, item_means
from runner.stretch import Stretch
from tracking import events as ev
from tracking.finished import FinishedProbe
from tracking.night import NightRecord

SIDE = 4
"""Items shown at either end."""
MOST_TEXT, MOST_PROMPT = 1500, 600
"""Characters kept of an answer and of a prompt."""
Place = Literal["best", "worst"]


@contextmanager
def open_scribe(config: SessionConfig, environ: Mapping[str, str]) -> Generator[LanguageModel | None]:
    """Yield the model that writes the report's summary, None where the session wants none.

    Raises:
        LaunchError: its key is not in `environ`: better said before the night than at its end.
    """
    if config.report.summary is None:
        yield None
        return
    from probes.language_models.open import open_model

    with closing(open_model(config.report.summary, environ)) as model:
        yield model


def wind_up(config: SessionConfig, stretch: Stretch, night: NightRecord, scribe: LanguageModel | None) -> None:
    """Record the answers that the report shows, and the summary where the session wants one; each once."""
    now = stretch.now
    if night.shown is None:
        try:
            stretch.record(ev.AnswersKept(at=now(), items=chosen_answers(night)))
        except DataError as error:
            stretch.warn("answers", f"the report shows no answers: {error}")
    if scribe is not None and night.summary is None:
        stretch.record(_summary(config, night, scribe, now))


def chosen_answers(night: NightRecord) -> tuple[ev.ShownItem, ...]:
    """Return the items that gained and lost most in the confirmation, with a typical answer of either side.

    Without a confirmation: the baseline's best and worst items on the search items.

    Raises:
        DataError: answers or items of a finished probe cannot be read.
    """
    before, after = completed_probes(night, "baseline", True), completed_probes(night, "final", True)
    if not before or not after:
        before, after = completed_probes(night, "baseline", False), []
    old, new = item_means(before), item_means(after)
    rank = {item: new[item] - old[item] for item in old if item in new} if after else dict(old)
    ranked = sorted(rank, key=lambda item: (-rank[item], item))
    if not ranked:
        return ()
    prompts = _prompts(before[0])
    sides = _Side(before, old), _Side(after, new)

    def shown(item: str, place: Place) -> ev.ShownItem:
        prompt, last = _clean(prompts.get(item, ""))[:MOST_PROMPT], sides[1].typical(item) if after else None
        return ev.ShownItem(item=item, place=place, prompt=prompt, before=sides[0].typical(item), after=last)

    return tuple(
        [shown(item, "best") for item in ranked[:SIDE]]
        + [shown(item, "worst") for item in reversed(ranked[SIDE:][-SIDE:])]
    )


class _Side:
    """The probes of one side, their answers read when they are first asked for."""

    def __init__(self, probes: Sequence[FinishedProbe], means: Means) -> None:
        self._probes, self._means = probes, means
        self._read: dict[int, dict[tuple[str, int], Response]] = {}

    def typical(self, item: str) -> ev.ShownAnswer:
        """Return the answer whose score is nearest the side's mean; the first of equals."""
        scored = [
            (abs(score - self._means[item]), place, sample, score)
            for place, probe in enumerate(self._probes)
            for found in probe.outcome.items
            if found.item == item
            for sample, score in enumerate(found.scores)
            if score is not None
        ]
        _, place, sample, score = min(scored)
        probe = self._probes[place]
        text = _said(self._answers(place)[item, sample])
        number = probe.plan.number
        return ev.ShownAnswer(probe=number, sample=sample, score=score, text=text[:MOST_TEXT], length=len(text))

    def _answers(self, place: int) -> dict[tuple[str, int], Response]:
        if place not in self._read:
            folder = Path(self._probes[place].plan.request.folder)
            self._read[place] = {(one.item, one.sample): one for one in read_responses(folder)}
        return self._read[place]


def _prompts(probe: FinishedProbe) -> dict[str, str]:
    """Return item → its last turn, from the file that the probe was asked from."""
    path = Path(probe.plan.request.suite.path)
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
        return {row["id"]: row.get("prompt") or row["messages"][-1]["content"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"the items in {path} cannot be read ({error}); restore the file") from error


def _said(response: Response) -> str:
    calls = [call.model_dump(mode="json") for call in response.tool_calls]
    return _clean(response.text or (json.dumps(calls, ensure_ascii=False) if calls else ""))


def _clean(text: str) -> str:
    """Return `text` as UTF-8 can hold it: a model may end in half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _summary(
    config: SessionConfig, night: NightRecord, scribe: LanguageModel, now: Callable[[], str]
) -> ev.SummaryWritten:
    from runner.report.words import question

    try:
        reply = scribe.complete(question(night, config.report.summary_tokens))
    except NightlabError as error:
        return ev.SummaryWritten(at=now(), model=scribe.name, reason=_clean(str(error))[:1000])
    access = config.report.summary
    price = price_of(access.model, access.prices) if access is not None else None
    is_whole = reply.stop_reason == "stop" and bool(reply.text.strip())
    return ev.SummaryWritten(
        at=now(),
        model=scribe.name,
        text=_clean(reply.text.strip()) if is_whole else "",
        reason="" if is_whole else f"the reply ended with {reply.stop_reason}",
        usage=reply.usage,
        cost_usd=cost_usd(reply.usage, price),
        attempts=reply.attempts,
    )
