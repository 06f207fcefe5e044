"""A language model as a proposer, whatever SDK is behind it: one question, one repair, else the statistical proposer.

It sees a digest, answers with a typed change, and decides nothing. Whatever goes wrong (no reply, a reply of any kind,
a change that a lane refuses) ends as a turn in the ledger with its reason, and the statistical proposer steps in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.proposers.checking import checked_change
from agent.proposers.digest import digest, token_bound
from agent.proposers.names import KnobNames
from agent.proposers.prompt import SYSTEM, answer_schema, question_text, repair_text
from agent.proposers.proposer import Answer, Proposal, Proposer, Question
from agent.proposers.reading import MOST_REASON, read_proposal, short_reason
from agent.proposers.repair import told_rule
from agent.proposers.resting import SPENT, rest_reason
from probes.errors import LaunchError, ModelReplyError
from probes.language_models.model import Ask, LanguageModel, Reply, Turn, Usage
from probes.language_models.prices import TOKENS_PRICED, Price, cost_usd
from tracking.clock import Clock
from tracking.events import ModelTurn

GOES = 2
"""Questions a turn may take: the first, and one that names the rule it broke."""


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
    """What the answer breaks, for the ledger."""
    told: str
    """The same for the model."""


@dataclass
class _Takings:
    """What a turn took so far."""

    replies: list[Reply] = field(default_factory=list[Reply])
    failure: ModelReplyError | None = None

    @property
    def requests(self) -> int:
        """Requests sent."""
        return sum(reply.attempts for reply in self.replies) + (self.failure.requests if self.failure else 0)

    @property
    def unpriced(self) -> int:
        """Of these, what may be billed though no reply said what it took."""
        lost = sum(reply.unpriced for reply in self.replies) + (self.failure.unpriced if self.failure else 0)
        return lost + (len(self.replies) if self.usage is None else 0)

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
        reason = self._why_not(question)
        if reason is not None:
            known = reason.startswith(SPENT) and any(t.reason == reason for t in question.night.model_turns)
            turn = None if known else self._event(question, "skipped", reason, None, _Takings(), 0.0)
            return self._otherwise.ask(question)._replace(turn=turn)
        proposal, turn = self._turn(question)
        if proposal is None:
            return self._otherwise.ask(question)._replace(turn=turn)
        return Answer(proposal, self.name, turn)

    def _why_not(self, question: Question) -> str | None:
        """Return why the model is not asked now; a request whose price nobody told is taken to have cost the most."""
        spending, worst = question.night.spending, self._worst_usd(question)
        if spending.agent_usd + (spending.unpriced_requests + GOES) * worst > self._rules.max_usd:
            return f"{SPENT}: another turn could go beyond `agent.max_usd` {self._rules.max_usd:g}"
        return rest_reason(question.night.model_turns, self._rules.rest_after, self._rules.rest_turns)

    def _worst_usd(self, question: Question) -> float:
        """Return the most that one request can cost."""
        price = self._rules.price
        if price is None:
            return 0.0
        schema = json.dumps(self._schema(question, KnobNames(question.lanes)))
        frame = SYSTEM + repair_text("", "x" * MOST_REASON) + schema
        asked = (token_bound(frame) + self._rules.digest_tokens) * price.dearest_input
        return (asked + self._rules.max_tokens * price.output) / TOKENS_PRICED

    def _turn(self, question: Question) -> tuple[Proposal | None, ModelTurn]:
        """Ask, and once more with the rule when the first answer broke one."""
        names = KnobNames(question.lanes)
        told = digest(question, names, self._rules.digest_tokens)
        started, takings, first = self._clock.monotonic(), _Takings(), ""
        said = _Said(None, "", "")
        for go in range(GOES):
            text = question_text(told) if go == 0 else repair_text(told, said.told)
            try:
                said = self._go(text, question, names, takings)
            except (ModelReplyError, LaunchError) as error:
                takings.failure = error if isinstance(error, ModelReplyError) else None
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
        schema = self._schema(question, names)
        reply = self._model.complete(Ask(SYSTEM, (Turn("user", text),), self._rules.max_tokens, schema))
        takings.replies.append(reply)
        try:
            proposal = read_proposal(reply, question, names)
        except ModelReplyError as error:
            rule = short_reason(str(error))
            return _Said(None, rule, rule)
        checked = checked_change(proposal, question)
        if isinstance(checked, str):
            return _Said(None, short_reason(checked), short_reason(told_rule(proposal, question, names)))
        return _Said(proposal, "", "")

    def _schema(self, question: Question, names: KnobNames) -> dict[str, Any]:
        return answer_schema(tuple(question.lanes), names.handles, self._rules.bounded_schema)

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
                "attempts": takings.requests,
                "unpriced": takings.unpriced,
            }
        )


def turn_at(question: Question) -> ModelTurn | None:
    """Return the turn that the ledger already has for a question: what was answered is not asked again."""
    turns = question.night.model_turns
    return turns[-1] if turns and turns[-1].question == question.number else None
