"""A language model's provider that goes away in the middle of a night and comes back.

The provider is a server on loopback that speaks both APIs and answers every question with the far end of the first knob
it is told of; the night asks it through the real SDKs.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from typing import Any

from runner.bench.faults.nights import PATIENCE_S, Night, Place, count, wait_for
from runner.bench.faults.row import Row, measure
from tracking import events as ev

ASSERTED = (
    "the night ends; while the provider is away its questions fail, it is left alone for `agent.rest_turns` turns and "
    "tried again, the statistical proposer has the turns, and when it is back its changes are taken again"
)
PROVIDERS = ("openai", "anthropic")
REST_AFTER, REST_TURNS = 2, 2
_ACCEPTED = b'"outcome":"accepted"'
_SKIPPED = b'"outcome":"skipped"'


def provider_down_and_back(place: Place, fault: str, tries: int, jobs: int) -> Row:
    """Return the row of nights whose language model is away for a while, through either SDK in turn."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night, provider = place.night(f"provider-{number}"), PROVIDERS[number % len(PROVIDERS)]
        server = Provider()
        try:
            process = night.run(*_asking(server, provider), environment={"PROBE_S": "0.3"})
            wait_for(process, lambda: count(night.ledger, _ACCEPTED) >= 2)
            server.stop()
            before = count(night.ledger, _ACCEPTED)
            wait_for(process, lambda: count(night.ledger, _SKIPPED) >= 1)
            server.start()
            wait_for(process, lambda: count(night.ledger, _ACCEPTED) > before)
            return provider, _not_rested(night, process.wait(PATIENCE_S))
        finally:
            server.stop()

    return measure(fault, ASSERTED, tries, attempt, jobs)


class Provider:
    """A provider on one port, which keeps it while it is away."""

    def __init__(self) -> None:
        """Start it."""
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Listen no more: whoever asks is refused the connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_anthropic = self.path.endswith("/messages")
        body = json.dumps(_reply(_far_end(asked["messages"][-1]["content"]), is_anthropic)).encode()
        with suppress(OSError):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def _far_end(question: str) -> str:
    """Return the answer to a question: the far end of the first knob in it."""
    told: dict[str, Any] = json.loads(question.split("<night>\n")[1].split("\n</night>")[0])
    knob = told["knobs"][0]
    value = knob["open"]["to"] if isinstance(knob["open"], dict) else knob["open"][-1]
    words = {"hypothesis": "Far is better.", "refuted_by": "No gain."}
    forecast = {"effect": 0.4, "low": -0.3, "high": 1.1, "confidence": 0.7}
    return json.dumps({"lane": knob["lane"], "knob": knob["knob"], "value": value, **words, **forecast})


def _reply(text: str, is_anthropic: bool) -> dict[str, Any]:
    if is_anthropic:
        usage = {"input_tokens": 100, "output_tokens": 50}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "far", "stop_reason": "end_turn"}
        return {**message, "stop_sequence": None, "content": [{"type": "text", "text": text}], "usage": usage}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "far", "choices": [choice], "usage": usage}


def _asking(server: Provider, provider: str) -> tuple[str, ...]:
    path = "/v1" if provider == "openai" else ""
    return (
        f"agent.proposer={provider}", "agent.model=far", f"agent.base_url=http://127.0.0.1:{server.port}{path}",
        "agent.retries=0", f"agent.rest_after={REST_AFTER}", f"agent.rest_turns={REST_TURNS}", "budget.probes=90",
    )  # fmt: skip


def _not_rested(night: Night, code: int) -> list[str]:
    """Return what is not as in a night whose provider was away for a while."""
    if code != 0:
        return [f"the night ended with exit code {code}: {night.said[-400:]}"]
    turns = night.record().model_turns
    runs = [(outcome, len(list(group))) for outcome, group in groupby(turn.outcome for turn in turns)]
    kinds = [outcome for outcome, _ in runs]
    problems: list[str] = []
    if kinds[:3] != ["accepted", "failed", "skipped"] or "accepted" not in kinds[3:]:
        problems.append(f"its turns were {', '.join(f'{number} {outcome}' for outcome, number in runs)}")
    elif runs[1][1] != REST_AFTER or any(number != REST_TURNS for outcome, number in runs if outcome == "skipped"):
        problems.append(f"it did not rest as it was told: {runs}")
    last: ev.ModelTurn | None = None
    for event in night.events():
        if isinstance(event, ev.CandidateProposed):
            is_models = last is not None and last.outcome == "accepted"
            if is_models != (event.candidate.proposer.endswith("/far")):
                problems.append(f"{event.candidate.id} is by {event.candidate.proposer}")
        last = event if isinstance(event, ev.ModelTurn) else None
    return problems
