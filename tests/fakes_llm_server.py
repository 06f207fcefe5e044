"""A local server that speaks both language-model APIs, and misbehaves on command."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from probes.evaluation.judging.config import JudgeConfig
from probes.language_models.config import ModelAccess, Provider

MODEL = "fake-judge"
PROVIDERS: tuple[Provider, ...] = ("anthropic", "openai")
STOPS = {
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "other": "pause_turn"},
    "openai": {"stop": "stop", "length": "length", "refusal": "content_filter", "other": "tool_calls"},
}


class Step(NamedTuple):
    """What the server does with one request."""

    text: str = ""
    stop: str = "stop"
    status: int = 200
    headers: Mapping[str, str] = {}
    raw: bytes | None = None
    """Body instead of one in the API's form."""
    hang_s: float = 0.0
    """Silence before anything is sent."""
    cut: bool = False
    """Close the connection in the middle of the body."""
    trickle_s: float = 0.0
    """Pause between the body's bytes."""
    usage: Mapping[str, int] | None = {"input": 120, "output": 30, "read": 0, "write": 0}
    refuses: tuple[str, ...] = ()
    """Parameters that get a 400 which names them."""

    @property
    def is_slow(self) -> bool:
        """Whether a client should give up; any other one is waited for, however busy the machine is."""
        return bool(self.hang_s or self.trickle_s)


def fails(status: int, message: str = "not now", **headers: str) -> Step:
    return Step(status=status, text=message, headers={name.replace("_", "-"): value for name, value in headers.items()})


class Received(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class LLMServer:
    """Answers by its steps, the last one again and again; a context manager."""

    steps: list[Step] = field(default_factory=lambda: [Step("hello")])
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closing, self._lock = threading.Event(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, *steps: Step) -> None:
        self.steps, self.received = list(steps), []

    def url(self, provider: Provider) -> str:
        base = f"http://127.0.0.1:{self._server.server_address[1]}"
        return base if provider == "anthropic" else f"{base}/v1"

    def access(self, provider: Provider, **changes: Any) -> ModelAccess:
        return ModelAccess(**self._values(provider), **changes)

    def judge_config(self, provider: Provider, **changes: Any) -> JudgeConfig:
        return JudgeConfig(**{**self._values(provider), **changes})

    def _values(self, provider: Provider) -> dict[str, Any]:
        quick = {"timeout_s": 0.4, "deadline_s": 3.0, "retries": 2, "backoff_s": 0.01}
        return {"provider": provider, "model": MODEL, "base_url": self.url(provider), **quick}

    def _take(self, received: Received) -> Step:
        with self._lock:
            self.received.append(received)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                del format, args

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                step = server._take(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                provider: Provider = "anthropic" if self.path == "/v1/messages" else "openai"
                refused = next((name for name in step.refuses if name in body), None)
                if refused is not None:
                    step = fails(400, f"'{refused}' is not supported with this model")
                try:
                    self._answer(step, step.raw if step.raw is not None else _body(provider, step))
                except OSError:
                    self.close_connection = True  # the client gave up waiting

            def _answer(self, step: Step, body: bytes) -> None:
                server._closing.wait(step.hang_s)
                self.send_response(step.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                for name, value in step.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if step.cut:
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                elif step.trickle_s:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        if server._closing.wait(step.trickle_s):
                            break
                else:
                    self.wfile.write(body)

        return Handler


def _body(provider: Provider, step: Step) -> bytes:
    if step.status != 200:
        error = {"type": "error", "error": {"type": "fake_error", "message": step.text}}
        return json.dumps(error).encode()
    stop, used = STOPS[provider][step.stop], step.usage
    if provider == "anthropic":
        usage = used and {
            "input_tokens": used["input"],
            "output_tokens": used["output"],
            "cache_read_input_tokens": used["read"],
            "cache_creation_input_tokens": used["write"],
        }
        content = [{"type": "text", "text": step.text}]
        message = {"id": "m", "type": "message", "role": "assistant", "model": f"{MODEL}-20260101", "content": content}
        return json.dumps({**message, "stop_reason": stop, "stop_sequence": None, "usage": usage}).encode()
    usage = used and {
        "prompt_tokens": used["input"] + used["read"] + used["write"],
        "completion_tokens": used["output"],
        "total_tokens": sum(used.values()),
        "prompt_tokens_details": {"cached_tokens": used["read"], "cache_write_tokens": used["write"]},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": step.text}, "finish_reason": stop}
    completion = {"id": "c", "object": "chat.completion", "created": 0, "model": f"{MODEL}-20260101"}
    return json.dumps({**completion, "choices": [choice], "usage": usage}).encode()
