"""A suite: evaluation items read from JSON lines and checked once, and its split into search and held-out items."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from probes.data.conversation import Message
from probes.errors import DataError
from probes.evaluation.scorers.scorer import KINDS, Scorer
from probes.frozen import Frozen

_FIELDS = ("id", "category", "difficulty", "prompt", "messages", "scorer", "chosen", "rejected", "tools")


class Item(Frozen):
    """One question of a suite and how its answers are scored."""

    id: str
    category: str
    difficulty: str = "medium"
    messages: tuple[Message, ...]
    """The prompt's turns, a user turn last."""
    scorer: Scorer
    chosen: tuple[str, ...] = ()
    """Reference answers; never scored or shown, see `probes.evaluation.margins`."""
    rejected: tuple[str, ...] = ()
    """Answers that are wrong in content or manner, beside `chosen`."""
    tools: tuple[dict[str, Any], ...] = ()
    """Function definitions that the prompt offers, as the OpenAI API writes them."""
    tags: dict[str, str] = {}
    """Every other column of the row, as text."""


def read_suite(paths: Iterable[str | Path], default_scorer: Scorer | None = None) -> tuple[Item, ...]:
    """Return the items of JSONL files, in file order; `default_scorer` is for those that bring none.

    Raises:
        DataError: a file cannot be read, a line is no item (file, line and field are named), an item has no scorer
            and there is no default, an id occurs twice, or there is no item at all.
    """
    files = [Path(path) for path in paths]
    items: list[Item] = []
    seen: dict[str, str] = {}
    for file in files:
        for number, line in _lines(file):
            place = f"suite file {file}, line {number}"
            item = _read_item(line, place, default_scorer)
            if item.id in seen:
                raise DataError(f"{place}: `id` must be unique, `{item.id}` is also in {seen[item.id]}; rename one")
            seen[item.id] = place
            items.append(item)
    if not items:
        names = ", ".join(map(str, files)) or "no file was named"
        raise DataError(f"the suite has no items ({names}); name files with items in `[suite]`")
    return tuple(items)


def has_scorer(row: Mapping[str, object]) -> bool:
    """Return whether a suite row says itself how its answers are scored."""
    return not _is_blank(row.get("scorer"))


def split_items(items: Sequence[Item], share: float, seed: int) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Return (search, held-out) items, each in file order, with `share` of every category × difficulty held out.

    Which items of a group are held out depends on the seed and their ids only. A group's fraction goes to whichever
    side its category is behind on, so that each category is split as evenly as its size allows.
    """
    held_out: set[str] = set()
    for category in dict.fromkeys(item.category for item in items):
        owed = 0.0
        for group in _groups([item for item in items if item.category == category]):
            owed += len(group) * share
            take = min(len(group), math.floor(owed + 0.5))
            owed -= take
            held_out.update(sorted((item.id for item in group), key=lambda name: _draw(seed, name))[:take])
    return (
        tuple(item for item in items if item.id not in held_out),
        tuple(item for item in items if item.id in held_out),
    )


def count_items(items: Sequence[Item]) -> dict[str, dict[str, int]]:
    """Return category → difficulty → items."""
    counts = Counter((item.category, item.difficulty) for item in items)
    table: dict[str, dict[str, int]] = {}
    for (category, difficulty), count in sorted(counts.items()):
        table.setdefault(category, {})[difficulty] = count
    return table


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    difficulties = dict.fromkeys(item.difficulty for item in items)
    return [[item for item in items if item.difficulty == difficulty] for difficulty in difficulties]


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"hold-out {seed} {name}".encode()).digest()


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"suite file {file} cannot be read: {error.strerror}; correct `[suite]`") from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            yield number, line


def _read_row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row: object = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: holds half a surrogate pair (\\ud800 to \\udfff); correct the text") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not valid JSON ({error}); correct the line") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: must be one JSON object per line, with `id`, `category`, `prompt` and `scorer`")
    return cast("dict[str, Any]", row)


def _is_blank(value: object) -> bool:
    return value in (None, "", {})


def _read_item(line: bytes, place: str, default_scorer: Scorer | None) -> Item:
    columns = _read_row(line, place)
    for name in ("id", "category"):
        if _is_blank(columns.get(name)):
            raise DataError(f"{place}: `{name}` is missing; every item needs `id`, `category`, a prompt and `scorer`")
    scorer = columns["scorer"] if has_scorer(columns) else default_scorer
    if scorer is None:
        raise DataError(
            f"{place}: `scorer` is missing, item `{columns['id']}` could not be scored; give the item a `scorer`, or "
            "set `[suite.scorer]` in the session for all items that have none"
        )
    try:
        return Item(
            id=columns["id"],
            category=columns["category"],
            difficulty=columns.get("difficulty") or "medium",
            messages=_messages(columns, place),
            scorer=scorer,
            chosen=_references(columns, "chosen", place),
            rejected=_references(columns, "rejected", place),
            tools=columns.get("tools") or (),
            tags={name: _text(value) for name, value in columns.items() if name not in _FIELDS and value is not None},
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in KINDS)
        raise DataError(f"{place}: `{field}` {_rule(first)}, got {_short(first['input'])}; correct the item") from error


def _rule(error: ErrorDetails) -> str:
    known = {"missing": "must be given", "extra_forbidden": "is not a key there"}
    return known.get(error["type"]) or error["msg"].removeprefix("Value error, ").replace("Input should", "must")


def _messages(columns: dict[str, Any], place: str) -> tuple[Message, ...]:
    prompt, messages = columns.get("prompt"), columns.get("messages")
    if (prompt is None) == (messages is None):
        raise DataError(f"{place}: give exactly one of `prompt` and `messages`")
    if messages is None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise DataError(f"{place}: `prompt` must be non-empty text, got {_short(prompt)}")
        return (Message(role="user", content=prompt),)
    turns_given = cast("list[object]", messages) if isinstance(messages, list) else []
    if not turns_given:
        raise DataError(f"{place}: `messages` must be a non-empty list of turns, got {_short(columns['messages'])}")
    turns = tuple(Message.model_validate(turn) for turn in turns_given)
    if turns[-1].role != "user":
        raise DataError(f"{place}: `messages` must end with a user turn, ends with {turns[-1].role}")
    return turns


def _references(columns: dict[str, Any], name: str, place: str) -> tuple[str, ...]:
    """Return the answers in `chosen` or `rejected`: one text, a list of texts, or TRL's list of one assistant turn."""
    value = columns.get(name)
    if _is_blank(value) or value == []:
        return ()
    given = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = [_answer_text(answer) for answer in given]
    if any(text is None for text in texts):
        shown = _short(columns[name])
        raise DataError(f"{place}: `{name}` must be an answer or a list of answers as text, got {shown}")
    if name == "rejected" and _is_blank(columns.get("chosen")):
        raise DataError(f"{place}: `rejected` has no `chosen` answer to be held against; give one, or drop it")
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
