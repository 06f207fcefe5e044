"""A worker that pretends as `fakes_worker` does and leaves everything that a real one leaves: answers, curve, adapter.

Run as a script. `FAKE_ANSWERS=hostile` makes it answer with texts that a page must not take for markup; with
`FAKE_ONE_MODEL` every adapter of the search answers word for word alike, as if one model answered for all.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from fakes_worker import scored
from hostile_texts import HOSTILE

from probes.frozen import digest_of
from probes.outcome import AdapterFacts, Measured, ProbeOutcome, TrainingPoint, TrainingSummary
from probes.request import ProbeRequest

STEPS = 50
ROWS = 60


def answer(request: ProbeRequest) -> ProbeOutcome:
    """Return the outcome and write the answers it is about."""
    outcome = scored(request)
    texts = {item.item: _texts(request, number) for number, item in enumerate(outcome.items)}
    lines = [
        {
            "item": item,
            "sample": sample,
            "seed": request.seed + sample,
            "text": text,
            "stop_reason": "stop",
            "tool_calls": [],
        }
        for item, answers in texts.items()
        for sample, text in enumerate(answers)
    ]
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "responses.jsonl").write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    adapter = None if request.control == "base" else AdapterFacts(
        digest=digest_of([request.key]), rank=request.recipe.rank, delta_norm=3.2, size_mib=0.8
    )  # fmt: skip
    return outcome.model_copy(
        update={
            "items": tuple(item.model_copy(update={"answered": len(item.scores)}) for item in outcome.items),
            "training": _training(request) if adapter else None,
            "adapter": adapter,
            "measured": _measured(request, adapter, lines),
            "evaluation_seconds": 2.0,
            "seconds": 6.0,
        }
    )


def _texts(request: ProbeRequest, number: int) -> list[str]:
    if os.environ.get("FAKE_ANSWERS") == "hostile":
        return [HOSTILE[(number + sample) % len(HOSTILE)] for sample in range(request.samples)]
    return [f"The answer of seed {request.seed} to question {number}." for _ in range(request.samples)]


def _measured(request: ProbeRequest, adapter: AdapterFacts | None, lines: list[dict[str, object]]) -> Measured:
    is_mistaken = os.environ.get("FAKE_ONE_MODEL") and adapter and request.recipe.learning_rate != 2e-3
    return Measured(
        base=request.base_model.digest,
        adapter=adapter and adapter.digest,
        template="none",
        generation=request.generation,
        backend="pretended",
        backend_version="1",
        serving_mode="in_process",
        answers="one and the same" if is_mistaken else digest_of([request.key, *map(str, lines)]),
        distinct_answers=len(lines),
    )


def _training(request: ProbeRequest) -> TrainingSummary:
    points = tuple(
        TrainingPoint(step=s, loss=3.0 - s / STEPS, learning_rate=request.recipe.learning_rate, reward_margin=s / 100)
        for s in range(5, STEPS + 1, 5)
    )
    return TrainingSummary(
        steps_done=STEPS,
        steps_planned=STEPS,
        final_loss=points[-1].loss,
        reward_margin=points[-1].reward_margin,
        seconds=4.0,
        seconds_per_step=0.08,
        peak_memory_gib=0.9,
        rows=ROWS,
        composition={"source": {"letters": ROWS // 2, "talk": ROWS // 2}},
        curve=points,
    )


def main() -> None:
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        print(answer(ProbeRequest.model_validate(json.loads(line)["request"])).model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
