"""The session section `[report]`."""

from __future__ import annotations

from pydantic import Field

from probes.frozen import Frozen
from probes.language_models.config import ModelAccess


class ReportConfig(Frozen):
    """`[report]`."""

    summary: ModelAccess | None = None
    """A language model that says at the end of the night in one paragraph what the report says; shown only when every
    figure in it is one of the night's. None: nobody is asked."""
    summary_tokens: int = Field(default=400, ge=50, le=4000)
    """Most tokens of that paragraph."""
