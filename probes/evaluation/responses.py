"""The answers of a probe as `responses.jsonl` has them, read again without loading what made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from probes.errors import DataError
from probes.evaluation.backends.backend import Response
from probes.evaluation.scorers.exchange import ToolCall

RESPONSES_NAME = "responses.jsonl"


def read_responses(folder: Path) -> list[Response]:
    """Return the answers of a finished probe, as `responses.jsonl` in its folder has them.

    Raises:
        DataError: the file cannot be read or holds something else.
    """
    file = folder / RESPONSES_NAME
    try:
        rows: list[dict[str, Any]] = [
            json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()
        ]
        for row in rows:
            row["tool_calls"] = tuple(ToolCall.model_validate(call) for call in row["tool_calls"])
        return [Response(**row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"`{file}` holds no answers of a probe ({error}); name the folder of a finished one") from error
