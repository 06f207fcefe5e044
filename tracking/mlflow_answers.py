"""A probe's answers as a table for MLflow's UI: every sample with its question, its score and what was wrong with it.

The ledger has the scores, the probe's folder the answers and the suite the questions; what is gone is left out. Cells
and rows are bounded, so that a long night cannot fill the artifact store. MLflow is not loaded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from probes.errors import DataError
from probes.evaluation.responses import read_responses
from tracking.finished import FinishedProbe

TABLE = "answers.json"
COLUMNS = (
    "category", "question", "answer", "score", "critical_failures", "unscored", "components", "item", "difficulty",
    "sample",
)  # fmt: skip
LONGEST_CELL = 2000
MOST_ROWS = 2000


def answer_table(probe: FinishedProbe, folder: Path) -> dict[str, Any] | None:
    """Return the answers as MLflow's tables are written, None when the probe has no scores.

    Args:
        probe: A probe that ended.
        folder: Its folder, which may be gone.
    """
    if not probe.outcome.items:
        return None
    answers, details = _answers(folder), _details(folder)
    questions = _questions(Path(probe.plan.request.suite.path))
    rows: list[list[Any]] = []
    for item in probe.outcome.items:
        for sample, score in enumerate(item.scores):
            detail = details.get((item.item, sample), {})
            components = ", ".join(f"{name} {value:.2g}" for name, value in detail.get("components", {}).items())
            rows.append(
                [
                    cut(item.category), cut(questions.get(item.item, "")), cut(answers.get((item.item, sample), "")),
                    score, cut(", ".join(detail.get("critical_failures", ()))), cut(detail.get("unscored") or ""),
                    cut(components), cut(item.item), cut(item.difficulty), sample,
                ]
            )  # fmt: skip
    return {"columns": list(COLUMNS), "data": rows[:MOST_ROWS]}


def cut(text: str, most: int = LONGEST_CELL) -> str:
    """Return `text`, its end left out and counted where it is longer than `most`."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text):,} characters)"


def json_lines(path: Path) -> Iterable[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; nothing when it cannot be read, and no line that is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.split("\n"):
        try:
            row: Any = json.loads(line) if line.strip() else None
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _answers(folder: Path) -> dict[tuple[str, int], str]:
    try:
        found = read_responses(folder)
    except DataError:
        return {}
    return {
        (one.item, one.sample): " ".join([one.text, *(call.model_dump_json() for call in one.tool_calls)]).strip()
        for one in found
    }


def _details(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    rows = json_lines(folder / "scores.jsonl")
    return {(str(row["item"]), int(row["sample"])): row for row in rows if {"item", "sample"} <= row.keys()}


def _questions(suite: Path) -> dict[str, str]:
    """Return item → what was asked: its prompt, or the last message of a conversation."""
    found: dict[str, str] = {}
    for row in json_lines(suite):
        messages: list[dict[str, Any]] = row.get("messages") or []
        asked: Any = row.get("prompt") or (messages[-1].get("content") if messages else "")
        found[str(row.get("id"))] = str(asked)
    return found
