"""Training rows, read from JSON lines and checked once: inside, rows are trusted.

A bad row stops the reading with its file, line, field and reason; how many others are bad is counted, so that a file
is not corrected one error at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

from probes.data.conversation import BadRowError, Message, read_conversation
from probes.data.tags import read_tags
from probes.errors import DataError
from probes.recipe import Objective

__all__ = ["MIN_ROWS", "Message", "Row", "read_rows", "row_warnings"]

MIN_ROWS = 40
"""Fewer rows are refused: nothing measured on so few generalises."""


@dataclass(frozen=True, slots=True)
class Row:
    """One training example and where it came from."""

    prompt: tuple[Message, ...]
    """All turns before the answer, a row's own system turn first."""
    chosen: str
    """The answer to learn."""
    rejected: str | None
    """The answer to avoid; None under `sft`."""
    tags: dict[str, str] = field(hash=False)
    """Every other column; read list-valued tags with `probes.data.tags.tag_values`."""
    file: str
    line: int
    """Counted from 1."""

    @property
    def prompt_text(self) -> str:
        """The prompt's turns without a system turn, one per line: what mixing rules look for words in."""
        return "\n".join(message.content for message in self.prompt if message.role != "system")


def read_rows(paths: Iterable[str | Path], objective: Objective) -> tuple[Row, ...]:
    """Return the rows of JSONL files in the shape that `objective` needs, in file order.

    Raises:
        DataError: a file cannot be read, a row is bad, or there are fewer than `MIN_ROWS` rows.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise DataError("no training files: name at least one JSONL file in `[data] train`")
    rows: list[Row] = []
    problems: list[str] = []
    for file in files:
        for number, line in _lines(file):
            try:
                rows.append(_read_row(line, objective, str(file), number))
            except BadRowError as problem:
                problems.append(f"{file}, line {number}: {problem}")
    if problems:
        others = len(problems) - 1
        more = f" ({others} more bad row{'s' if others > 1 else ''})" if others else ""
        raise DataError(f"{problems[0]}; correct or remove the row{more}")
    if len(rows) < MIN_ROWS:
        raise DataError(
            f"training needs at least {MIN_ROWS} rows, got {len(rows)} in {', '.join(map(str, files))}; "
            "add rows or files to `[data] train`"
        )
    return tuple(rows)


def row_warnings(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return what a reader of the report should know about `rows`: duplicates, and pairs of identical answers."""
    warnings: list[str] = []
    times = Counter((row.prompt, row.chosen, row.rejected) for row in rows)
    repeated = sum(count - 1 for count in times.values())
    if repeated:
        content, count = times.most_common(1)[0]
        places = [f"{row.file}:{row.line}" for row in rows if (row.prompt, row.chosen, row.rejected) == content]
        warnings.append(
            f"{repeated} of {len(rows)} training rows repeat an earlier row; the most frequent appears {count} times "
            f"({', '.join(places[:3])}{', …' if count > 3 else ''})"
        )
    alike = [row for row in rows if row.rejected is not None and row.chosen.strip() == row.rejected.strip()]
    if alike:
        warnings.append(
            f"{len(alike)} of {len(rows)} training pairs have the same chosen and rejected answer and teach no "
            f"preference; the first is {alike[0].file}:{alike[0].line}"
        )
    return tuple(warnings)


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"training file {file} does not exist; correct `[data] train`") from None
    except OSError as error:
        raise DataError(f"training file {file} cannot be read: {error.strerror}; correct `[data] train`") from error
    # Split at line feeds only: JSON text may hold U+2028 and other breaks that `splitlines` knows.
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            yield number, line


def _read_row(line: bytes, objective: Objective, file: str, number: int) -> Row:
    values = _decode(line)
    prompt, chosen, rejected = read_conversation(values, objective)
    return Row(prompt, chosen, rejected, read_tags(values), file, number)


def _decode(line: bytes) -> dict[str, object]:
    try:
        text = line.decode()
        value: object = json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise BadRowError("row", f"is not valid JSON: column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise BadRowError("row", f"is not UTF-8 text: byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise BadRowError("row", "holds half a surrogate pair (\\ud800 to \\udfff), which no text can") from None
    except RecursionError:
        raise BadRowError("row", "is nested too deeply") from None
    except BadRowError:
        raise
    except ValueError as error:
        raise BadRowError("row", f"is not usable JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRowError("row", "must be one JSON object per line, with columns such as `prompt` and `chosen`")
    return cast("dict[str, object]", value)


def _refuse_constant(name: str) -> NoReturn:
    raise BadRowError("row", f"holds {name}, which is not JSON; write null or leave the column out")
