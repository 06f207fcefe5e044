"""One judgement as it is written down, and what a probe's judgements took together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probes.frozen import Frozen
from probes.language_models.model import Usage


class Judgement(Frozen):
    """One answer judged, or why it could not be: a line of `judgements.jsonl`."""

    item: str
    sample: int
    rubric: str
    """Digest of the rubric."""
    model: str
    """The model that answered, as the server names it; as the session does when none answered."""
    overall: float | None = None
    """0 … 10, weighted by the rubric; None when unscored."""
    components: dict[str, float] = {}
    """Component → 0 … 10."""
    judge_overall_score: float | None = None
    """The judge's own overall; None when it gave none, then `overall` is the only one."""
    critical_failures: tuple[str, ...] = ()
    justifications: dict[str, str] = {}
    unscored: str | None = None
    """Why there is no verdict."""
    strategy: str | None = None
    """How the reply was read; None when it could not be."""
    stop_reason: str | None = None
    """How the last reply ended; None when none came."""
    calls: int = 0
    """Questions asked: 2 when a reply was cut off."""
    requests: int = 0
    """Requests sent, retries included; 0 is unknown, when no reply came."""
    usage: Usage | None = None
    """None when not every reply reported it."""
    cost_usd: float | None = None
    """None when usage or price is unknown."""
    seconds: float = 0.0
    dropped: tuple[str, ...] = ()
    """What the model would not take: `temperature`, `schema`."""
    reply: str = ""
    """The last reply as it came."""


class JudgeUsage(Frozen):
    """What judging one probe took, and how well the judge could be read."""

    answers: int
    """Answers to be judged."""
    unscored: int
    """Of these, without a verdict."""
    parse_failures: int
    """Of these, with a reply that ended by itself and was no verdict."""
    calls: int
    """Questions asked."""
    rejudged: int
    """Answers asked about twice, because the first reply was cut off."""
    no_reply: int
    """Answers for which no reply came within attempts and deadline; what those cost is in no sum here."""
    retries: int
    """Requests beyond one per question, of the questions that got a reply."""
    usage: Usage | None
    """None when not every reply reported it."""
    cost_usd: float | None
    """None when that of any reply is unknown."""
    strategies: dict[str, int] = {}
    """How replies were read → answers."""
    overall_missing: int = 0
    """Verdicts without an overall of the judge's own."""
    critical_failures: int = 0
    """Named in all verdicts together."""
    models: tuple[str, ...] = ()
    """Models that answered."""
    dropped: tuple[str, ...] = ()
    """What the model would not take."""
    warnings: tuple[str, ...] = ()
    """What a reader of the scores should know."""


def tally(judgements: Sequence[Judgement], warnings: Sequence[str] = ()) -> JudgeUsage:
    """Return the sums over one probe's judgements."""
    scored = [one for one in judgements if one.unscored is None]
    replied = [one for one in judgements if one.stop_reason is not None]
    total: Usage | None = Usage()
    for one in replied:
        total = None if total is None or one.usage is None else total.plus(one.usage)
    costs = [one.cost_usd for one in replied]
    known = [cost for cost in costs if cost is not None]
    return JudgeUsage(
        answers=len(judgements),
        unscored=len(judgements) - len(scored),
        parse_failures=sum(one.stop_reason == "stop" and one.unscored is not None for one in judgements),
        calls=sum(one.calls for one in judgements),
        rejudged=sum(one.calls > 1 for one in judgements),
        no_reply=len(judgements) - len(replied),
        retries=sum(max(0, one.requests - one.calls) for one in judgements),
        usage=total,
        cost_usd=sum(known) if len(known) == len(costs) else None,
        strategies=dict(sorted(Counter(one.strategy for one in judgements if one.strategy is not None).items())),
        overall_missing=sum(one.judge_overall_score is None for one in scored),
        critical_failures=sum(len(one.critical_failures) for one in scored),
        models=tuple(sorted({one.model for one in replied})),
        dropped=tuple(sorted({name for one in judgements for name in one.dropped})),
        warnings=tuple(warnings),
    )


def together(parts: Sequence[JudgeUsage]) -> JudgeUsage:
    """Return the sums over several probes; tokens and cost are unknown where those of any probe are."""
    total: Usage | None = Usage()
    for part in parts:
        total = None if total is None or part.usage is None else total.plus(part.usage)
    known = [part.cost_usd for part in parts if part.cost_usd is not None]
    strategies: Counter[str] = Counter()
    for part in parts:
        strategies.update(part.strategies)
    return JudgeUsage(
        answers=sum(part.answers for part in parts),
        unscored=sum(part.unscored for part in parts),
        parse_failures=sum(part.parse_failures for part in parts),
        calls=sum(part.calls for part in parts),
        rejudged=sum(part.rejudged for part in parts),
        no_reply=sum(part.no_reply for part in parts),
        retries=sum(part.retries for part in parts),
        usage=total,
        cost_usd=sum(known) if len(known) == len(parts) else None,
        strategies=dict(sorted(strategies.items())),
        overall_missing=sum(part.overall_missing for part in parts),
        critical_failures=sum(part.critical_failures for part in parts),
        models=tuple(sorted({model for part in parts for model in part.models})),
        dropped=tuple(sorted({name for part in parts for name in part.dropped})),
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
    )
