"""A worker that speaks the protocol and trains nothing: what it does with a probe is told by the probe's seed.

Run as a script. With `FAKE_SCORES=1` every probe completes, with scores from a small known landscape plus seeded noise.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import Any

sys.path.insert(0, os.getcwd())

from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.request import ProbeRequest

OK, EXITS, HANGS, ANSWERS_GARBAGE, CHATTERS, SLOW, KILLED, WRONG_KEY, TELLS_ENVIRONMENT, HAS_A_CHILD, LOGS_AND_EXITS = (
    range(11)
)
FLOODS, FLOODS_ITS_LOG, FLOODS_ONE_LINE, NOT_A_NUMBER = range(11, 15)


def answer(request: ProbeRequest) -> ProbeOutcome:
    if os.environ.get("FAKE_SCORES"):
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        return scored(request)
    match request.seed:
        case 1:
            sys.stderr.write("the last words\n")
            sys.stderr.flush()
            os._exit(3)
        case 2:
            time.sleep(600)
        case 3:
            print('{"key": "brok', flush=True)
        case 4:
            print("a library says hello", flush=True)
        case 5:
            time.sleep(0.4)
        case 6:
            os.kill(os.getpid(), signal.SIGKILL)
        case 7:
            return ProbeOutcome(key="0" * 16, status=ProbeStatus.COMPLETED)
        case 8:
            told = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "FAKE_API_KEY", "CUDA_VISIBLE_DEVICES")}
            return ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, message=json.dumps(told))
        case 9:
            if (child := os.fork()) == 0:
                time.sleep(600)
            sys.stderr.write(f"child {child}\n")
            sys.stderr.flush()
            time.sleep(600)
        case 10:
            with open(os.path.join(request.folder, "worker.log"), "a", encoding="utf-8") as log:
                log.write("said in the probe's log\n")
            os._exit(4)
        case 11:
            while True:
                sys.stdout.write("much\n" * 10_000)
        case 12:
            with open(os.path.join(request.folder, "worker.log"), "a", encoding="utf-8") as log:
                while True:
                    log.write("much\n" * 10_000)
        case 13:
            while True:
                sys.stdout.write("{" * 100_000)
        case 14:
            print('{"key": "%s", "status": "completed", "seconds": NaN}' % request.key, flush=True)  # noqa: UP031
            time.sleep(600)
    return ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, message=str(os.getpid()))


def scored(request: ProbeRequest) -> ProbeOutcome:
    """Learning rates nearer to 1e-2 are better, `source_last` is worse; a run's noise has an sd of .3."""
    once = os.environ.get("FAKE_CRASH_ONCE")
    if once and not os.path.exists(once):
        with open(once, "w", encoding="utf-8"):
            os._exit(9)
    if os.environ.get("FAKE_ADAPTERS"):
        os.makedirs(os.path.join(request.folder, "adapter"), exist_ok=True)
        with open(os.path.join(request.folder, "adapter", "weights"), "w", encoding="utf-8") as file:
            file.write(str(time.time_ns()))
    original = request.model_copy(update={"control": None})
    rng = random.Random("" if os.environ.get("FAKE_SAME") else original.key)
    level = 5.0 + 1.5 * min(1.0, request.recipe.learning_rate / 1e-2)
    level -= 2.0 * (request.recipe.curriculum.order == "source_last")
    level = {"broken": 0.0, "base": 3.0}.get(request.control or "", level)
    noise = {name: rng.gauss(0.0, 0.3) for name in ("private_voice", "verified_response", "ground_truth")}
    with open(request.suite.path, encoding="utf-8") as file:
        rows: list[Any] = [json.loads(line) for line in file]
    items = tuple(
        ItemScores(
            item=row["id"],
            category=row["category"],
            difficulty="easy",
            scores=tuple(level + noise.get(row["category"], 0.0) for _ in range(request.samples)),
        )
        for row in rows
    )
    write_responses(request, [row["id"] for row in rows])
    return ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=items, seconds=0.01)


def write_responses(request: ProbeRequest, items: list[str]) -> None:
    os.makedirs(request.folder, exist_ok=True)
    with open(os.path.join(request.folder, "responses.jsonl"), "w", encoding="utf-8") as file:
        for item in items:
            for sample in range(request.samples):
                text = f"An answer at learning rate {request.recipe.learning_rate:g}."
                row = {"item": item, "sample": sample, "seed": request.seed, "text": text, "stop_reason": "stop"}
                file.write(json.dumps({**row, "tool_calls": [], "tokens": 8}) + "\n")


def main() -> None:
    if os.environ.get("FAKE_START") == "fails":
        sys.stderr.write("no such device\n")
        sys.exit(5)
    first = os.environ.get("FAKE_FIRST_FOUR_DIE")
    if first:
        with open(first, "a", encoding="utf-8") as starts:
            starts.write("x")
        if os.path.getsize(first) <= 4:
            os.kill(os.getpid(), signal.SIGKILL)
    one = os.environ.get("FAKE_ONE_DIES")
    if one:
        with open(one, "a", encoding="utf-8") as starts:
            starts.write("x")
        if os.path.getsize(one) > 1:
            sys.exit(6)
    print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        print(answer(ProbeRequest.model_validate(json.loads(line)["request"])).model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
