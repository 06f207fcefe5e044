"""Answers read again from the file a probe left."""

import json
from pathlib import Path

import pytest

from probes.errors import DataError
from probes.evaluation.backends.backend import Response
from probes.evaluation.responses import RESPONSES_NAME, read_responses
from probes.evaluation.scorers.exchange import ToolCall


def test_answers_come_back_word_for_word_also_with_every_kind_of_line_end_in_them(tmp_path: Path) -> None:
    call = {"name": "weather", "arguments": {"city": "Rome"}}
    text = "one\u2028two\x85three\nfour"
    row = {"item": "a", "sample": 0, "seed": 1, "text": text, "stop_reason": "stop", "tool_calls": [call], "tokens": 4}
    (tmp_path / RESPONSES_NAME).write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_responses(tmp_path) == [Response("a", 0, 1, text, "stop", (ToolCall.model_validate(call),), 4)]


def test_what_is_no_file_of_answers_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name the folder of a finished one"):
        read_responses(tmp_path)
    (tmp_path / RESPONSES_NAME).write_text('{"item": "a"}\n')
    with pytest.raises(DataError, match="holds no answers of a probe"):
        read_responses(tmp_path)
