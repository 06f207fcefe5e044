"""The session's `[judge]`: which language model judges, by which rubrics."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from probes.evaluation.judging.prompt import system_text
from probes.evaluation.judging.rubric import PERSONA, Name, Rubric
from probes.frozen import digest_of
from probes.language_models.config import ModelAccess

DEFAULT = "default"
NO_VERDICT = frozenset({"key_env", "timeout_s", "deadline_s", "retries", "backoff_s", "parallel", "prices"})
"""Fields that cannot change a verdict."""


class JudgeConfig(ModelAccess):
    """`[judge]`."""

    rubrics: dict[Name, Rubric] = {DEFAULT: PERSONA}
    """Rubrics that items name in their scorer; `default` is for those that name none."""
    max_tokens: int = Field(default=2048, ge=1, le=65_536)
    """Of one reply; a reply that was cut off is asked for once more with twice as many."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = 0.0
    """Sent where the model takes one. 0 does not make a judge repeat itself: measure its noise."""
    parallel: int = Field(default=4, ge=1, le=64)
    """Questions at the same time."""

    @property
    def identity(self) -> dict[str, Any]:
        """What can change a verdict, the words of the prompts included."""
        prompts = {name: digest_of(system_text(rubric)) for name, rubric in self.rubrics.items()}
        return {**self.model_dump(mode="json", exclude=set(NO_VERDICT)), "prompts": prompts}

    @property
    def words(self) -> str:
        """The judge in a few words, different when a verdict could be."""
        return f"{self.provider}/{self.model} ({digest_of(self.identity)})"
