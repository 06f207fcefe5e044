"""Reads suites: JSON lines become items, checked once; every mistake is found, not only the first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from probes.data.conversation import Message
from probes.errors import DataError
from probes.evaluation.scorers.scorer import KINDS, Scorer
from probes.evaluation.suites.item import Item

_FIELDS = ("id", "category", "difficulty", "prompt", "messages", "scorer", "chosen", "rejected", "tools")


class Scan(NamedTuple):
    """What suite files hold."""

    items: tuple[Item, ...]
    """The good ones, in file order."""
    problems: tuple[str, ...]
    """Place, rule, value and cure of every mistake, in file order."""


class _BadItemError(ValueError):
    """A line is no item; its arguments are the mistakes."""


def read_suite(paths: Iterable[str | Path], default_scorer: Scorer | None = None) -> tuple[Item, ...]:
    """Return the items of JSONL files, in file order; `default_scorer` is for those that bring none.

    Raises:
        DataError: a file cannot be read, a line is no item (file, line and field are named), an item has no scorer
            and there is no default, an id occurs twice, or there is no item at all.
    """
    items, problems = scan_suite(paths, default_scorer)
    if len(problems) > 1:
        raise DataError(f"{problems[0]} ({len(problems) - 1} more; `nightlab suite check` lists them)")
    if problems:
        raise DataError(problems[0])
    return items


def scan_suite(paths: Iterable[str | Path], default_scorer: Scorer | None = None) -> Scan:
    """Return the items of JSONL files and all that is wrong with the files.

    Raises:
        DataError: a file cannot be read.
    """
    files = [Path(path) for path in paths]
    items: list[Item] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for file in files:
        for number, line in read_lines(file):
            place = f"suite file {file}, line {number}"
            try:
                item = _read_item(line, default_scorer)
            except _BadItemError as bad:
                problems += [f"{place}: {problem}" for problem in bad.args]
                continue
            if item.id in seen:
                problems.append(f"{place}: `id` must be unique, `{item.id}` is also in {seen[item.id]}; rename one")
                continue
            seen[item.id] = place
            items.append(item)
    if not items and not problems:
        names = ", ".join(map(str, files)) or "no file was named"
        problems.append(f"the suite has no items ({names}); name files with items in `[suite]`")
    return Scan(tuple(items), tuple(problems))


def has_scorer(row: Mapping[str, object]) -> bool:
    """Return whether a suite row says itself how its answers are scored."""
    return not _is_blank(row.get("scorer"))


def read_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each line that is not blank.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"suite file {file} cannot be read: {error.strerror}; correct `[suite]`") from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            yield number, line


def _read_row(line: bytes) -> dict[str, Any]:
    try:
        row: object = json.loads(line, parse_constant=_refuse_constant)
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise _BadItemError("holds half a surrogate pair (\\ud800 to \\udfff); correct the text") from error
    except _BadItemError:
        raise
    except (ValueError, RecursionError) as error:
        raise _BadItemError(f"not valid JSON ({error}); correct the line") from error
    if not isinstance(row, dict):
        raise _BadItemError("must be one JSON object per line, with `id`, `category`, `prompt` and `scorer`")
    return cast("dict[str, Any]", row)


def _refuse_constant(name: str) -> NoReturn:
    raise _BadItemError(f"holds {name}, which is not JSON; write null or leave the column out")


def _is_blank(value: object) -> bool:
    return value in (None, "", {})


def _read_item(line: bytes, default_scorer: Scorer | None) -> Item:
    columns = _read_row(line)
    missing = [name for name in ("id", "category") if _is_blank(columns.get(name))]
    if missing:
        needs = "every item needs `id`, `category`, a prompt and `scorer`"
        raise _BadItemError(*(f"`{name}` is missing; {needs}" for name in missing))
    scorer = columns["scorer"] if has_scorer(columns) else default_scorer
    if scorer is None:
        raise _BadItemError(
            f"`scorer` is missing, item `{columns['id']}` could not be scored; give the item a `scorer`, or set "
            "`[suite.scorer]` in the session for all items that have none"
        )
    try:
        return Item(
            id=columns["id"],
            category=columns["category"],
            difficulty=columns.get("difficulty") or "medium",
            messages=_messages(columns),
            scorer=scorer,
            chosen=_references(columns, "chosen"),
            rejected=_references(columns, "rejected"),
            tools=columns.get("tools") or (),
            tags={name: _text(value) for name, value in columns.items() if name not in _FIELDS and value is not None},
        )
    except ValidationError as error:
        errors = error.errors()
        # A list whose only element is wrong is also called too short: one mistake, one complaint.
        real = [each for each in errors if each["type"] != "too_short" or len(errors) == 1]
        raise _BadItemError(*dict.fromkeys(map(_complaint, real))) from error


def _complaint(error: ErrorDetails) -> str:
    field = ".".join(str(part) for part in error["loc"] if part not in KINDS)
    return f"`{field}` {_rule(error)}, got {_short(error['input'])}; correct the item"


def _rule(error: ErrorDetails) -> str:
    known = {"missing": "must be given", "extra_forbidden": "is not a key there"}
    return known.get(error["type"]) or error["msg"].removeprefix("Value error, ").replace("Input should", "must")


def _messages(columns: dict[str, Any]) -> tuple[Message, ...]:
    prompt, messages = columns.get("prompt"), columns.get("messages")
    if (prompt is None) == (messages is None):
        raise _BadItemError("give exactly one of `prompt` and `messages`")
    if messages is None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise _BadItemError(f"`prompt` must be non-empty text, got {_short(prompt)}")
        return (Message(role="user", content=prompt),)
    turns_given = cast("list[object]", messages) if isinstance(messages, list) else []
    if not turns_given:
        raise _BadItemError(f"`messages` must be a non-empty list of turns, got {_short(columns['messages'])}")
    turns = tuple(Message.model_validate(turn) for turn in turns_given)
    if turns[-1].role != "user":
        raise _BadItemError(f"`messages` must end with a user turn, ends with {turns[-1].role}")
    return turns


def _references(columns: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the answers in `chosen` or `rejected`: one text, a list of texts, or TRL's list of one assistant turn."""
    value = columns.get(name)
    if _is_blank(value) or value == []:
        return ()
    given = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = [_answer_text(answer) for answer in given]
    if any(text is None for text in texts):
        shown = _short(columns[name])
        raise _BadItemError(f"`{name}` must be an answer or a list of answers as text, got {shown}")
    if name == "rejected" and _is_blank(columns.get("chosen")):
        raise _BadItemError(f"`{name}` has no `chosen` answer to be held against; give one, or drop it")
    return tuple(text for text in texts if text is not None)


def _answer_text(answer: object) -> str | None:
    if isinstance(answer, dict):
        turn = cast("dict[str, object]", answer)
        answer = turn.get("content") if turn.get("role") == "assistant" else None
    return answer if isinstance(answer, str) and answer.strip() else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
