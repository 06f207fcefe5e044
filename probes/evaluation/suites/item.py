"""One question of a suite."""

from __future__ import annotations

from typing import Any

from probes.data.conversation import Message
from probes.evaluation.scorers.scorer import Scorer
from probes.frozen import Frozen


class Item(Frozen):
    """One question of a suite and how its answers are scored."""

    id: str
    category: str
    difficulty: str = "medium"
    messages: tuple[Message, ...]
    """The prompt's turns, a user turn last."""
    scorer: Scorer
    chosen: tuple[str, ...] = ()
    """Reference answers; the model never sees them, see `probes.evaluation.margins`."""
    rejected: tuple[str, ...] = ()
    """Answers that are wrong in content or manner, beside `chosen`."""
    tools: tuple[dict[str, Any], ...] = ()
    """Function definitions that the prompt offers, as the OpenAI API writes them."""
    tags: dict[str, str] = {}
    """Every other column of the row, as text."""

    @property
    def prompt_text(self) -> str:
        """The prompt's turns, one per line, without a system turn."""
        return "\n".join(message.content for message in self.messages if message.role != "system")
