from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes_data import a_row, write_jsonl

from probes.data.rows import MIN_ROWS, Message, Row, read_rows, row_warnings
from probes.data.tags import tag_values
from probes.errors import DataError
from probes.recipe import Objective

USER = {"role": "user", "content": "Who are you?"}
GOOD = {"role": "assistant", "content": "I am the miller."}
BAD = {"role": "assistant", "content": "I'm an AI."}
PAIR: dict[str, Any] = {"prompt": "Who are you?", "chosen": "I am the miller.", "rejected": "I'm an AI."}


def read_one(folder: Path, value: object, objective: Objective = "orpo") -> Row:
    """Read a file that holds `value` first and good rows after it."""
    filler = [{"prompt": f"q{i}", "chosen": "a", "rejected": "b", "completion": "a"} for i in range(MIN_ROWS)]
    return read_rows([write_jsonl(folder / "rows.jsonl", [value, *filler])], objective)[0]


def read_text(folder: Path, line: str | bytes) -> Row:
    file = folder / "rows.jsonl"
    filler = "\n".join(json.dumps({**PAIR, "n": i}) for i in range(MIN_ROWS)).encode()
    file.write_bytes((line.encode() if isinstance(line, str) else line) + b"\n" + filler)
    return read_rows([file], "orpo")[0]


@pytest.mark.parametrize(
    "value",
    [
        PAIR,
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "Who are you?", "chosen": [GOOD], "rejected": [BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": None, "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "Who are you?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {**PAIR, "messages": [USER, GOOD]},
    ],
)
def test_preference_rows_read_alike_in_every_shape_trl_reads(tmp_path: Path, value: object) -> None:
    row = read_one(tmp_path, value)
    assert row.prompt == (Message(role="user", content="Who are you?"),)
    assert (row.chosen, row.rejected) == ("I am the miller.", "I'm an AI.")
    assert (Path(row.file).name, row.line) == ("rows.jsonl", 1)


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [USER, GOOD]},
        {"prompt": "Who are you?", "completion": "I am the miller."},
        {"prompt": [USER], "completion": [GOOD]},
        PAIR,
    ],
)
def test_sft_rows_train_on_the_last_assistant_turn(tmp_path: Path, value: object) -> None:
    row = read_one(tmp_path, value, "sft")
    assert [message.content for message in row.prompt] == ["Who are you?"]
    assert (row.chosen, row.rejected) == ("I am the miller.", None)


def test_earlier_turns_and_the_system_turn_stay_in_the_prompt(tmp_path: Path) -> None:
    system = {"role": "system", "content": "You run a mill."}
    turns = [system, USER, GOOD, {"role": "user", "content": "Since when?"}]
    row = read_one(tmp_path, {"messages": [*turns, {"role": "assistant", "content": "Since spring."}]}, "sft")
    assert [message.model_dump() for message in row.prompt] == turns
    assert row.chosen == "Since spring."
    assert "You run a mill." not in row.prompt_text


def test_other_columns_become_tags_also_from_metadata(tmp_path: Path) -> None:
    tagged = {
        "category": "voice",
        "metadata": {"category": "outranked", "source": "letters", "topics": ["mill", "river"], "deep": {"year": 1801}},
        "checked": True,
        "weight": 0.5,
        "note": None,
        "empty": " ",
        "objects": [{"a": 1}],
    }
    tags = read_one(tmp_path, {**PAIR, **tagged}).tags
    assert tag_values(tags, "topics") == ("mill", "river")
    assert tag_values(tags, "absent") == ()
    del tags["topics"]
    assert tags == {"category": "voice", "source": "letters", "deep.year": "1801", "checked": "true", "weight": "0.5"}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"prompt": "q", "chosen": "a"}, "`rejected` is missing; `orpo` needs"),
        ({"messages": [USER, GOOD]}, "`chosen` is missing.*this is an SFT row"),
        ({"chosen": "a", "rejected": "b"}, "`prompt` is missing"),
        ({**PAIR, "chosen": "  "}, "`chosen` is empty"),
        ({**PAIR, "rejected": ""}, "`rejected` is empty"),
        ({**PAIR, "prompt": ""}, "`prompt` is empty"),
        ({**PAIR, "chosen": 3}, "`chosen` must be text, got a number"),
        ({**PAIR, "rejected": {"role": "assistant"}}, "`rejected` must be text, got an object"),
        ({**PAIR, "chosen": []}, "`chosen` is an empty list"),
        ({**PAIR, "chosen": [GOOD, USER]}, "`chosen` must end with an assistant turn, ends with user"),
        ({**PAIR, "prompt": [USER, GOOD]}, "`prompt` must end with a user turn, ends with assistant"),
        ({"chosen": [USER, USER, GOOD], "rejected": [USER, BAD]}, r"`chosen\[1\].role` must be assistant, got user"),
        ({"chosen": [USER, GOOD], "rejected": [BAD]}, "`rejected` must begin with the same turns as `chosen`"),
        ({"prompt": [{**USER, "content": "x"}], "chosen": [USER, GOOD], "rejected": [USER, BAD]}, "`prompt` differs"),
        ({**PAIR, "prompt": [{"role": "tool", "content": "x"}]}, r"`prompt\[0\].role` must be system, user or assis"),
        ({**PAIR, "prompt": ["x"]}, r"`prompt\[0\]` must be an object with `role` and `content`, got text"),
        ({**PAIR, "prompt": [{"role": "user"}]}, r"`prompt\[0\].content` must be text, got null"),
        ({**PAIR, "prompt": [USER], "chosen": [{**GOOD, "tool_calls": [1]}]}, "`chosen.*tool_calls` is not supported"),
        ({**PAIR, "images": ["x.png"]}, "`images` is not supported"),
        ([PAIR], "`row` must be one JSON object per line"),
    ],
)
def test_bad_preference_rows_are_refused_with_file_line_field_and_reason(
    tmp_path: Path, value: object, complaint: str
) -> None:
    with pytest.raises(DataError, match=rf"rows\.jsonl, line 1: {complaint}"):
        read_one(tmp_path, value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"text": "plain"}, "`messages` is missing"),
        ({"messages": [USER]}, "`messages` must end with an assistant turn"),
        ({"messages": [GOOD]}, "`messages` must hold a user turn"),
        ({"messages": [{"role": "system", "content": "s"}, GOOD]}, r"`messages\[1\].role` must be user"),
        ({"completion": "a"}, "`prompt` is missing"),
    ],
)
def test_bad_sft_rows_are_refused(tmp_path: Path, value: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_one(tmp_path, value, "sft")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"prompt": "q", "chosen": ', "is not valid JSON: column 27: "),
        ('{"prompt": "q", "chosen": "a", "rejected": "b", "score": NaN}', "holds NaN"),
        ('{"prompt": "q", "chosen": "a", "rejected": "b", "score": 1e999}', "`score` must be a finite number"),
        ('{"prompt": "q", "chosen": "\\ud83d", "rejected": "b"}', "surrogate"),
        (b'{"prompt": "q\xff"}', "is not UTF-8 text: byte 14"),
        ('{"prompt": ' + "[" * 100_000, "is nested too deeply"),
        ('{"prompt": "q", "chosen": "a", "rejected": "b", "n": ' + "9" * 5000 + "}", "is not usable JSON"),
    ],
)
def test_lines_that_are_not_json_are_refused(tmp_path: Path, line: str | bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=f"line 1: .*{complaint}"):
        read_text(tmp_path, line)


def test_line_separators_inside_text_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    line = json.dumps({**PAIR, "chosen": "one\u2028two \U0001f600"}, ensure_ascii=False)
    assert read_text(tmp_path, "\ufeff" + line + "\r\n\r\n").chosen == "one\u2028two \U0001f600"
    assert read_text(tmp_path, json.dumps({**PAIR, "chosen": "\U0001f600"})).chosen == "\U0001f600"


def test_the_first_bad_row_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl", [PAIR] * 50)
    bad = write_jsonl(tmp_path / "bad.jsonl", [PAIR, {"prompt": "q", "chosen": "a"}, {}, PAIR, []])
    with pytest.raises(DataError, match=r"bad\.jsonl, line 2: `rejected`.*\(2 more bad rows\)$"):
        read_rows([good, bad], "dpo")


def test_fewer_than_forty_rows_are_refused_over_all_files_together(tmp_path: Path) -> None:
    files = [write_jsonl(tmp_path / name, [{**PAIR, "n": i} for i in range(20)]) for name in ("a.jsonl", "b.jsonl")]
    assert len(read_rows(files, "orpo")) == 40
    write_jsonl(files[1], [PAIR] * 19)
    with pytest.raises(DataError, match=r"at least 40 rows, got 39 in .*a\.jsonl, .*b\.jsonl; add rows"):
        read_rows(files, "orpo")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "absent.jsonl")) + " does not exist"):
        read_rows([tmp_path / "absent.jsonl"], "orpo")
    with pytest.raises(DataError, match="Is a directory"):
        read_rows([tmp_path], "orpo")
    with pytest.raises(DataError, match="name at least one"):
        read_rows([], "orpo")


def test_duplicates_and_identical_answers_are_warned_about_not_refused() -> None:
    rows = [a_row(i) for i in range(5)]
    assert row_warnings(rows) == ()
    same = Row(rows[0].prompt, "so", "so ", {}, "rows.jsonl", 9)
    duplicates, alike = row_warnings([*rows, rows[1], rows[1], same])
    assert "2 of 8 training rows repeat" in duplicates
    assert "appears 3 times (rows.jsonl:2, " in duplicates
    assert "1 of 8 training pairs" in alike
    assert "rows.jsonl:9" in alike
