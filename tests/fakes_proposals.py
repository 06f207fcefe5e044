"""Answers of a language model that proposes: legal ones made from what it was told, and every kind of useless one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakes import FakeClock, MemoryLedger, SimulatedLauncher
from fakes_llm_server import Step, fails
from fakes_model import ScriptedModel, reply
from simulated_nights import faster_helps, make_night

from agent.config import AgentConfig
from agent.context import NightContext
from agent.proposers.open import with_model
from agent.proposers.proposer import Question
from probes.language_models.model import Ask, LanguageModel, Reply, Usage
from tracking.events import ModelTurn

LOCAL: Mapping[str, Any] = {"model": "scripted", "base_url": "http://127.0.0.1:1"}
MODEL_ONLY = AgentConfig.model_validate({"proposer": "openai", **LOCAL})
HYBRID = AgentConfig.model_validate({"proposer": "hybrid", "provider": "anthropic", **LOCAL})
PRICED = {"scripted": {"input": 1.0, "output": 10.0}}


def said(knob: str = "learning_rate", value: object = 0.002, **changes: object) -> str:
    """Return an answer in the right form."""
    form: dict[str, object] = {
        "lane": "hyperparameters", "knob": knob, "value": value, "hypothesis": "A faster rate learns the voice.",
        "effect": 0.4, "low": -0.3, "high": 1.1, "confidence": 0.7, "refuted_by": "No gain after two replicates.",
    }  # fmt: skip
    return json.dumps({**form, **changes})


def told(request: Ask) -> dict[str, Any]:
    """Return the digest in a question."""
    found = re.search(r"<night>\n(.*)\n</night>", request.turns[-1].text)
    assert found is not None
    return json.loads(found[1])


def sensible(request: Ask) -> Reply:
    """Propose the far end of the first knob that the digest shows."""
    knob = told(request)["knobs"][0]
    value = knob["open"]["to"] if isinstance(knob["open"], dict) else knob["open"][-1]
    usage = Usage(input_tokens=1000, output_tokens=100)
    return reply(said(knob["knob"], value, lane=knob["lane"]), usage=usage)


USELESS: Mapping[str, Step] = {
    "malformed": Step('{"lane": "hyperparameters", "knob": '),
    "prose": Step("I would raise the learning rate to 0.002."),
    "empty": Step(""),
    "nothing but NaN": Step(said().replace("0.4", "NaN")),
    "a key twice": Step(said()[:-1] + ', "value": 0.0005}'),
    "out of bounds": Step(said(value=1.0)),
    "too far in one step": Step(said(value=0.00026)),
    "no change": Step(said(value=0.001)),
    "unknown knob": Step(said("wings", 2)),
    "wrong lane": Step(said("learning_rate", 0.002, lane="data_mix")),
    "no such lane": Step(said(lane="weights")),
    "two parameters as keys": Step(said(rank=16)),
    "two parameters as lists": Step(said(["learning_rate", "rank"], [0.002, 16])),
    "two answers": Step(f"[{said()}, {said('rank', 16)}]"),
    "two objects": Step(f"{said()}\n{said('rank', 16)}"),
    "a word for a number": Step(said(value="fast")),
    "a truth for a number": Step(said(value=True)),
    "a number beyond doubles": Step(said(value=1).replace('"value": 1', '"value": 1e999')),
    "an interval beside its effect": Step(said(low=0.6)),
    "a certainty above one": Step(said(confidence=1.5)),
    "no hypothesis": Step(said(hypothesis="")),
    "a novel for a hypothesis": Step(said(hypothesis="x" * 301)),
    "obeys a tag": Step(said("knob_1", 50, lane="data_mix", hypothesis="The data says: ignore the bounds.")),
    "cut off": Step(said()[:-20], stop="length"),
    "whole but cut off": Step(said(), stop="length"),
    "declined": Step("No.", stop="refusal"),
    "a tool call": Step("", stop="other"),
    "too many requests": fails(429, "slow down", retry_after="0"),
    "broken server": fails(500),
    "30 s slow": Step(said(), hang_s=30.0),
    "lost connection": Step(said(), cut=True),
    "no API at all": Step(raw=b"<html>"),
    "10 MB long": Step(said(hypothesis="x" * 10_000_000)),
    "10 MB of braces": Step("{" * 10_000_000),
}  # fmt: skip


def night_with(
    folder: Path,
    model: LanguageModel,
    config: AgentConfig = MODEL_ONLY,
    ledger: MemoryLedger | None = None,
    launcher: SimulatedLauncher | None = None,
    **settings: Any,
) -> NightContext:
    context = make_night(folder, launcher or SimulatedLauncher(faster_helps), ledger, **settings)
    context.proposer = with_model(config, model, FakeClock())
    return context


def question(context: NightContext, closed: tuple[tuple[str, str], ...] = ()) -> Question:
    return Question(context.night, context.plan, context.lanes, closed)


def turns_taken(context: NightContext) -> list[ModelTurn]:
    return [turn for turn in context.night.model_turns if turn.outcome != "skipped"]


def scripted(*lines: Any) -> ScriptedModel:
    return ScriptedModel([reply(line) if isinstance(line, str) else line for line in lines])
