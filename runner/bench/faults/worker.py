"""A worker of the bench: it speaks the protocol, trains nothing, scores by a small known landscape, and fails on order.

`FAULT` names what happens to every `FAULT_EVERY`-th probe of a night (counted over all its workers, in the folder
`FAULT_COUNT`); `PROBE_S` is about how long a probe takes.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.request import ProbeRequest

Answer = ProbeOutcome | str
FLOOD_LINE = "a library that cannot stop talking\n" * 1000


def main() -> None:
    """Answer the requests on standard input until it ends."""
    fault = os.environ.get("FAULT")
    _say(json.dumps({"ready": True, "pid": os.getpid()}))
    for line in sys.stdin:
        request = ProbeRequest.model_validate(json.loads(line)["request"])
        answer: Answer = FAULTS[fault](request) if fault and _is_due() else scored(request)
        _say(answer if isinstance(answer, str) else answer.model_dump_json())


def scored(request: ProbeRequest) -> ProbeOutcome:
    """Return a probe's scores: learning rates near 1e-2 are best; a run's noise depends on its key alone."""
    rng = random.Random(request.model_copy(update={"control": None}).key)
    time.sleep(float(os.environ.get("PROBE_S", "0.02")) * (0.5 + rng.random()))
    level = 5.0 + 1.5 * min(1.0, request.recipe.learning_rate / 1e-2)
    level -= 2.0 * (request.recipe.curriculum.order == "source_last")
    level = {"broken": 0.0, "base": 3.0}.get(request.control or "", level)
    noise: dict[str, float] = {}
    items: list[ItemScores] = []
    for text in Path(request.suite.path).read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(text)
        category = row["category"]
        noise.setdefault(category, rng.gauss(0.0, 0.3))
        score = min(10.0, max(0.0, level + noise[category]))
        items.append(
            ItemScores(item=row["id"], category=category, difficulty="easy", scores=(score,) * request.samples)
        )
    return ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=tuple(items), seconds=0.01)


def _crash(request: ProbeRequest) -> Answer:
    sys.stderr.write("the last words\n")
    sys.stderr.flush()
    os._exit(9)


def _hang(request: ProbeRequest) -> Answer:
    time.sleep(3600)
    raise AssertionError("nobody kept the deadline")


def _run_out_of_memory(request: ProbeRequest) -> Answer:
    """Ask for more memory than the system gives, and say so as `probes.execution` does."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**31, hard))
    try:
        taken = bytearray(2**34)
    except MemoryError as error:
        return ProbeOutcome(key=request.key, status=ProbeStatus.OUT_OF_MEMORY, message=f"MemoryError: {error}")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    raise AssertionError(f"{len(taken)} bytes fitted below the limit")


def _score_not_a_number(request: ProbeRequest) -> Answer:
    return scored(request).model_dump_json().replace('"scores":[', '"scores":[NaN,', 1)


def _damage_the_adapter(request: ProbeRequest) -> Answer:
    """Cut a saved adapter short and let the real load test find it."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    from probes.training.adapter import CONFIG_NAME, WEIGHTS_NAME, load_test

    folder = Path(request.folder) / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_NAME).write_text(json.dumps({"r": request.recipe.rank}), encoding="utf-8")
    save_file({"layer.lora_A.weight": np.ones((request.recipe.rank, 64), np.float32)}, folder / WEIGHTS_NAME)
    os.truncate(folder / WEIGHTS_NAME, 200)
    try:
        load_test(folder, request.recipe.rank)
    except SafetensorError as error:
        message = f"{type(error).__name__}: {error}"
        return ProbeOutcome(key=request.key, status=ProbeStatus.CRASHED, message=message)
    raise AssertionError("a damaged adapter was loaded")


def _answer_for_another(request: ProbeRequest) -> Answer:
    outcome = scored(request).model_copy(update={"key": "0" * 16})
    _leave(request, outcome.model_dump_json())
    return outcome


def _answer_half(request: ProbeRequest) -> Answer:
    text = scored(request).model_dump_json()
    _leave(request, text[: len(text) // 2])
    return text[: len(text) // 2]


def _flood(request: ProbeRequest) -> Answer:
    while True:
        sys.stdout.write(FLOOD_LINE)
        sys.stderr.write(FLOOD_LINE)


def _leave(request: ProbeRequest, text: str) -> None:
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcome.json").write_text(text, encoding="utf-8")


FAULTS: Mapping[str, Callable[[ProbeRequest], Answer]] = {
    "crash": _crash,
    "hang": _hang,
    "out of memory": _run_out_of_memory,
    "NaN": _score_not_a_number,
    "corrupt adapter": _damage_the_adapter,
    "outcome of another key": _answer_for_another,
    "outcome half written": _answer_half,
    "flood of output": _flood,
}


def _is_due() -> bool:
    """Count a probe over all workers of the night, and say whether it is one that fails."""
    folder = Path(os.environ["FAULT_COUNT"])
    number = 1
    while True:
        try:
            os.close(os.open(folder / str(number), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
            continue
        return number % int(os.environ.get("FAULT_EVERY", "7")) == 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
