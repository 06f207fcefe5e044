"""Calls of language models as MLflow traces: the agent's turns from the ledger, judgements from a probe's folder.

A trace has what the ledger and `judgements.jsonl` have: outcome, reply, tokens, dollars, seconds. No key and no header
is ever in them, and texts and spans are bounded. Ids follow from the night, so that a trace written twice is one.
MLflow is loaded by `write_trace` only.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from probes.evaluation.suites.results import JUDGEMENTS_NAME
from probes.language_models.model import Usage
from tracking.events import ModelTurn
from tracking.finished import FinishedProbe
from tracking.headline import changes_in_words
from tracking.mlflow_answers import cut, json_lines
from tracking.mlflow_rows import milliseconds, night_id
from tracking.night import NightRecord

MOST_SPANS = 64
"""Judgements shown of one probe; the rest are counted."""
LONGEST_TEXT = 1500


class SpanRow(NamedTuple):
    """One call; the first of a trace is the root and its spans' frame."""

    name: str
    kind: str
    start_ms: int
    end_ms: int
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    attributes: dict[str, Any]
    error: str = ""
    """Why it failed; empty when it did not."""


class TraceRow(NamedTuple):
    """One trace."""

    key: str
    """32 hex digits."""
    spans: tuple[SpanRow, ...]
    tags: dict[str, str]


def turn_trace(night: NightRecord, turn: ModelTurn) -> TraceRow | None:
    """Return an agent's turn, None when no model was asked."""
    if turn.outcome == "skipped" or not (turn.attempts or turn.seconds):
        return None
    end = milliseconds(turn.at)
    start = end - round(1000 * turn.seconds)
    asked = {
        "question": turn.question, "target": night.target, "probes_so_far": len(night.probes),
        "working_recipe": changes_in_words(night),
    }  # fmt: skip
    told = {"outcome": turn.outcome, "proposal": turn.proposal, "reason": cut(turn.reason, LONGEST_TEXT)}
    error = cut(turn.reason, LONGEST_TEXT) if turn.outcome == "failed" else ""
    call = {"model": turn.proposer, "attempts": turn.attempts, **_usage(turn.usage, turn.cost_usd)}
    spans = (
        SpanRow(f"proposal {turn.question}", "AGENT", start, end, asked, told, {}, error),
        SpanRow(turn.proposer, "LLM", start, end, {"question": turn.question}, told, call, error),
    )
    tags = {"kind": "proposal", "outcome": turn.outcome, "proposer": turn.proposer}
    return TraceRow(_key(night, f"turn {turn.question} {turn.at}"), spans, tags)


def judge_trace(night: NightRecord, probe: FinishedProbe, folder: Path) -> TraceRow | None:
    """Return a probe's judgements, None without any.

    How long each took is measured, when it began is not written down: they stand one after the other, which may
    reach beyond the probe's end where several were asked at once.
    """
    rows = list(json_lines(folder / JUDGEMENTS_NAME))
    if not rows:
        return None
    end = milliseconds(probe.at)
    start = at = end - round(1000 * (probe.outcome.evaluation_seconds or 0.0))
    calls: list[SpanRow] = []
    for row in rows[:MOST_SPANS]:
        took = round(1000 * float(row.get("seconds") or 0.0))
        calls.append(_judgement(row, at, at + took))
        at += took
    number = probe.plan.number
    asked = {"probe": number, "answers": len(rows), "shown": len(calls)}
    unscored = sum(row.get("unscored") is not None for row in rows)
    root = SpanRow(f"judge probe #{number}", "EVALUATOR", start, max(at, end), asked, {"unscored": unscored}, {})
    return TraceRow(
        _key(night, f"judge {probe.outcome.key} {number}"), (root, *calls), {"kind": "judge", "probe": str(number)}
    )


def _judgement(row: dict[str, Any], start: int, end: int) -> SpanRow:
    usage = Usage.model_validate(row["usage"]) if row.get("usage") else None
    call = {"model": row.get("model"), "strategy": row.get("strategy"), **_usage(usage, row.get("cost_usd"))}
    said = {name: row.get(name) for name in ("overall", "components", "critical_failures")}
    outputs = {**said, "reply": cut(str(row.get("reply") or ""), LONGEST_TEXT)}
    asked = {"item": row.get("item"), "sample": row.get("sample"), "rubric": row.get("rubric")}
    name = f"{row.get('item')} sample {row.get('sample')}"
    return SpanRow(
        cut(name, 200), "LLM", start, end, asked, outputs, call, cut(row.get("unscored") or "", LONGEST_TEXT)
    )


def _usage(usage: Usage | None, usd: float | None) -> dict[str, Any]:
    """Return tokens and dollars under the names that MLflow's UI adds up."""
    known: dict[str, Any] = {}
    if usage is not None:
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        read = usage.input_tokens + cached
        known["mlflow.chat.tokenUsage"] = {
            "input_tokens": read, "output_tokens": usage.output_tokens, "total_tokens": read + usage.output_tokens,
        }  # fmt: skip
    if usd is not None:
        known["mlflow.llm.cost"] = {"input_cost": 0.0, "output_cost": 0.0, "total_cost": usd}
    return known


def _key(night: NightRecord, what: str) -> str:
    return sha256(f"{night_id(night)} {what}".encode()).hexdigest()[:32]


def write_trace(uri: str, experiment_id: str, run_id: str, session: str, row: TraceRow) -> None:
    """Write a trace to the store at `uri`, linked to a run."""
    from mlflow.entities import TraceInfo, TraceLocation
    from mlflow.entities.trace_data import TraceData
    from mlflow.entities.trace_state import TraceState
    from mlflow.tracing.client import TracingClient

    root = row.spans[0]
    info = TraceInfo(
        trace_id=f"tr-{row.key}",
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=root.start_ms,
        execution_duration=root.end_ms - root.start_ms,
        state=TraceState.ERROR if root.error else TraceState.OK,
        request_preview=cut(json.dumps(root.inputs, ensure_ascii=False), 900),
        response_preview=cut(json.dumps(root.outputs, ensure_ascii=False), 900),
        trace_metadata={"mlflow.sourceRun": run_id, "mlflow.trace.session": session},
        tags={"mlflow.traceName": root.name, **row.tags},
    )
    spans = [_span(row.key, number, each) for number, each in enumerate(row.spans)]
    client = TracingClient(uri)
    made = client.start_trace(info)
    try:
        client.log_spans(experiment_id, spans)
    except NotImplementedError:  # a store of files keeps spans as an artifact
        client._upload_trace_data(made, TraceData(spans))  # pyright: ignore[reportPrivateUsage]


def _span(key: str, number: int, row: SpanRow) -> Any:
    from mlflow.entities import Span
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(of: int) -> SpanContext:
        identifier = int(sha256(f"{key} {of}".encode()).hexdigest()[:16], 16)
        return SpanContext(int(key, 16), identifier, is_remote=False, trace_flags=TraceFlags(1))

    values = {
        "mlflow.traceRequestId": f"tr-{key}", "mlflow.spanType": row.kind, "mlflow.spanInputs": row.inputs,
        "mlflow.spanOutputs": row.outputs, **row.attributes,
    }  # fmt: skip
    status = Status(StatusCode.ERROR, row.error) if row.error else Status(StatusCode.OK)
    return Span(
        ReadableSpan(
            row.name,
            context=context(number),
            parent=context(0) if number else None,
            attributes={name: json.dumps(value, ensure_ascii=False) for name, value in values.items()},
            status=status,
            start_time=row.start_ms * 1_000_000,
            end_time=row.end_ms * 1_000_000,
        )
    )
