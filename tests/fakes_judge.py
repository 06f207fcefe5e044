"""A judge whose language model gives every component of an answer the score that a table says."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fakes_model import ScriptedModel, reply

from probes.errors import ModelReplyError
from probes.evaluation.aids import ProbeAids
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.judging.judge import Judge
from probes.evaluation.judging.rubric import PERSONA
from probes.language_models.model import Ask, Reply

_ANSWER = re.compile(r"<answer [^>]*>\n(.*)\n</answer", re.DOTALL)


def judging(scores: Mapping[str, float], critical: tuple[str, ...] = (), file: Path | None = None) -> ProbeAids:
    """Return aids with a judge; an answer that is not in the table gets no reply."""

    def say(ask: Ask) -> Reply:
        found = _ANSWER.search(ask.turns[-1].text)
        assert found is not None
        if found[1] not in scores:
            raise ModelReplyError("the table does not know this answer")
        each = {c.name: {"justification": f"It is {c.name}.", "score": scores[found[1]]} for c in PERSONA.components}
        return reply(json.dumps({"scores": each, "critical_failures": list(critical), "overall_score": 5}))

    config = JudgeConfig(provider="openai", model="scripted", base_url="http://127.0.0.1:1/v1")
    return ProbeAids(judge=Judge(ScriptedModel([say]), config, file or Path(tempfile.mkdtemp()) / "judgements.jsonl"))
