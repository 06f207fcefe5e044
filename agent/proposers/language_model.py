"""A language model as a proposer, whatever SDK is behind it: one question, one repair, else the statistical proposer.

It sees a digest, answers with a typed change, and decides nothing. Whatever goes wrong (no reply, a reply of any kind,
a change that a lane refuses) ends as a turn in the ledger with its reason, and the statistical proposer steps in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from agent.proposers.checking import checked_change
from agent.proposers.digest import digest, token_bound
from agent.proposers.names import KnobNames
from agent.proposers.prompt import SYSTEM, answer_schema, question_text, repair_text
from agent.proposers.proposer import Answer, Proposal, Proposer, Question
from agent.proposers.reading import read_proposal, short_reason
from agent.proposers.resting import SPENT, rest_reason
from probes.errors import LaunchError, ModelReplyError
from probes.language_models.model import Ask, LanguageModel, Reply, Turn, Usage
from probes.language_models.prices import Price, cost_usd
from tracking.clock import Clock
from tracking.events import ModelTurn
from tracking.night import NightRecord

GOES = 2
"""Questions a turn may take: the first, and one that names the rule it broke."""
_RULE_TOKENS = 200
"""Room for the rule in a second question."""


@dataclass(frozen=True)
class ModelRules:
    """What a model may take."""

    max_tokens: int
    """Of one reply."""
    digest_tokens: int
    max_usd: float
    rest_after: int
    rest_turns: int
    price: Price | None
    """None: it costs nothing that we know of; only a server on this machine may."""
    bounded_schema: bool
    """Whether the schema may bound lengths and numbers."""


class _Said(NamedTuple):
    proposal: Proposal | None
    rule: str


@dataclass
class _Takings:
    """What a turn took so far."""

    replies: list[Reply] = field(default_factory=list[Reply])

    @property
    def usage(self) -> Usage | None:
        total: Usage | None = Usage() if self.replies else None
        for reply in self.replies:
            total = None if total is None or reply.usage is None else total.plus(reply.usage)
        return total


class LanguageModelProposer:
    """Implements `Proposer`; one per night."""

    def __init__(self, model: LanguageModel, rules: ModelRules, otherwise: Proposer, clock: Clock) -> None:
        """Ask `model` within `rules`, and `otherwise` where that comes to nothing."""
        self._model, self._rules, self._otherwise, self._clock = model, rules, otherwise, clock

    @property
    def name(self) -> str:
        """Provider and model."""
        return self._model.name

    def ask(self, question: Question) -> Answer:
        """Return the model's change, or the statistical one with what became of the model's turn."""
        earlier = turn_at(question)
        if earlier is not None:
            if earlier.proposal is None:
                return self._otherwise.ask(question)
            return Answer(Proposal.model_validate(earlier.proposal), earlier.proposer)
        if not question.moves:
            return self._otherwise.ask(question)
        reason = self._why_not(question.night)
        if reason is not None:
            known = reason.startswith(SPENT) and any(t.reason == reason for t in question.night.model_turns)
            turn = None if known else self._event(question, "skipped", reason, None, _Takings(), 0.0)
            return self._otherwise.ask(question)._replace(turn=turn)
        proposal, turn = self._turn(question)
        if proposal is None:
            return self._otherwise.ask(question)._replace(turn=turn)
        return Answer(proposal, self.name, turn)

    def _why_not(self, night: NightRecord) -> str | None:
        spent = night.model_spend_usd + self._unpriced(night) * self._worst_usd()
        if spent + self._worst_usd() > self._rules.max_usd:
            return f"{SPENT}: another turn could go beyond `agent.max_usd` {self._rules.max_usd:g}"
        return rest_reason(night.model_turns, self._rules.rest_after, self._rules.rest_turns)

    def _unpriced(self, night: NightRecord) -> int:
        """Return the answered turns whose cost nobody reported; each is taken to have cost the most it could."""
        return sum(t.cost_usd is None and t.outcome not in ("skipped", "failed") for t in night.model_turns)

    def _worst_usd(self) -> float:
        """Return the most that one turn can cost."""
        tokens = token_bound(SYSTEM) + self._rules.digest_tokens + _RULE_TOKENS
        usage = Usage(cache_write_tokens=tokens * GOES, output_tokens=self._rules.max_tokens * GOES)
        return cost_usd(usage, self._rules.price) or 0.0

    def _turn(self, question: Question) -> tuple[Proposal | None, ModelTurn]:
        """Ask, and once more with the rule when the first answer broke one."""
        names = KnobNames(question.lanes)
        told = digest(question, names, self._rules.digest_tokens)
        started, takings, first = self._clock.monotonic(), _Takings(), ""
        for go in range(GOES):
            text = question_text(told) if go == 0 else repair_text(told, first)
            try:
                said = self._go(text, question, names, takings)
            except (ModelReplyError, LaunchError) as error:
                reason = short_reason(f"{first}; then {error}" if first else str(error))
                took = self._clock.monotonic() - started
                return None, self._event(question, "failed", reason, None, takings, took)
            if said.proposal is not None:
                outcome = "accepted" if go == 0 else "repaired"
                took = self._clock.monotonic() - started
                return said.proposal, self._event(question, outcome, first, said.proposal, takings, took)
            first = short_reason(f"{first}; then {said.rule}" if first else said.rule)
        return None, self._event(question, "refused", first, None, takings, self._clock.monotonic() - started)

    def _go(self, text: str, question: Question, names: KnobNames, takings: _Takings) -> _Said:
        """Ask once; return a legal proposal, or the rule that the answer breaks.

        Raises:
            ModelReplyError: no reply came.
            LaunchError: none ever will.
        """
        schema = answer_schema(tuple(question.lanes), names.handles, self._rules.bounded_schema)
        reply = self._model.complete(Ask(SYSTEM, (Turn("user", text),), self._rules.max_tokens, schema))
        takings.replies.append(reply)
        try:
            proposal = read_proposal(reply, question, names)
        except ModelReplyError as error:
            return _Said(None, short_reason(names.in_words(str(error))))
        checked = checked_change(proposal, question)
        return _Said(None, short_reason(names.in_words(checked))) if isinstance(checked, str) else _Said(proposal, "")

    def _event(
        self,
        question: Question,
        outcome: str,
        reason: str,
        proposal: Proposal | None,
        takings: _Takings,
        seconds: float,
    ) -> ModelTurn:
        return ModelTurn.model_validate(
            {
                "at": self._clock.now(),
                "question": question.number,
                "proposer": self.name,
                "outcome": outcome,
                "proposal": proposal.model_dump() if proposal is not None else None,
                "reason": reason,
                "usage": takings.usage,
                "cost_usd": cost_usd(takings.usage, self._rules.price),
                "seconds": seconds,
                "attempts": sum(reply.attempts for reply in takings.replies),
            }
        )


def turn_at(question: Question) -> ModelTurn | None:
    """Return the turn that the ledger already has for a question: what was answered is not asked again."""
    turns = question.night.model_turns
    return turns[-1] if turns and turns[-1].question == question.number else None
