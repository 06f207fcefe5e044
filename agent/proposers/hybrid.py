"""A language model on a minority of turns, the statistical proposer on the others.

Alone in a fixed space a language model searches worse than chance; mixed in on some turns it helps. Its share follows
what its changes earn. Whose turn it is follows from the record and the night's seed, so that a resumed night goes on
alike.
"""

from __future__ import annotations

from random import Random

from agent.proposers.earnings import share_now
from agent.proposers.language_model import LanguageModelProposer, turn_at
from agent.proposers.proposer import Answer, Proposer, Question


class HybridProposer:
    """Implements `Proposer`."""

    def __init__(self, model: LanguageModelProposer, statistical: Proposer, share: float) -> None:
        """Give `model` about `share` of the turns at the start."""
        self._model, self._statistical, self._share = model, statistical, share

    @property
    def name(self) -> str:
        """As in the session; every proposal bears the name of whoever made it."""
        return "hybrid"

    def ask(self, question: Question) -> Answer:
        """Return the proposal of whoever's turn it is."""
        # A turn that is in the ledger was the model's, whatever its share has become by that turn.
        return (self._model if turn_at(question) or self._is_models(question) else self._statistical).ask(question)

    def _is_models(self, question: Question) -> bool:
        share = share_now(question.night, self._share).share
        return Random(f"{question.seed}/hybrid").random() < share
