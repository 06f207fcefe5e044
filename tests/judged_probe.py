"""A real probe of the tiny base whose answers are judged by a language model behind a local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes_llm_server import LLMServer
from tiny_base import tiny_request

from probes.evaluation.judging.rubric import PERSONA
from probes.execution import run_request
from probes.language_models.config import Provider
from probes.outcome import ProbeOutcome
from probes.warm_base import WarmBase


def verdict_text(score: int, overall: float = 5.0, critical: tuple[str, ...] = ()) -> str:
    scores = {c.name: {"justification": "So it is.", "score": score} for c in PERSONA.components}
    return json.dumps({"scores": scores, "critical_failures": list(critical), "overall_score": overall})


def judged_probe(server: LLMServer, provider: Provider, base: Path, folder: Path, **changes: Any) -> ProbeOutcome:
    """Run a probe with two judged items and one that has rules, two answers each."""
    request = tiny_request(base, folder, judge=server.judge_config(provider, **changes))
    judged: dict[str, Any] = {"components": [{"kind": "judge", "weight": 1.0}]}
    lines = [json.loads(line) for line in Path(request.suite.path).read_text().splitlines()[:3]]
    rows = [{**line, "scorer": judged} if n else line for n, line in enumerate(lines)]
    Path(request.suite.path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run_request(request, WarmBase())
