"""A server that speaks as much of vLLM's HTTP as nightlab uses, and misbehaves on request.

What it says comes from `brains`: name → function from a prompt to the log-probabilities of the next token. Beside it
stand the tests marked `server`, against the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Brain = Callable[[Sequence[int]], Sequence[float]]


@dataclass
class FakeVllm:
    """What the server is made of; change it between requests."""

    base: Brain
    learned: Brain | None = None
    """What a loaded adapter says; None: what the base says."""
    key: str = ""
    version: str = "0.32.0"
    context: int = 4096
    answers_as: str | None = None
    """The name in every reply, None for the one that was asked for."""
    failures: list[int] = field(default_factory=list)
    """Status codes for the next answers, each used once."""
    extra_tokens: list[int] = field(default_factory=list)
    """Put in front of every prompt, as a server that adds its own beginning would."""
    call: dict[str, Any] | None = None
    """The tool call that a conversation with tools is answered with."""
    loaded: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def reply(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        self.seen.append((path, dict(body)))
        if path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.loaded:
                return 400, error(f"The lora adapter '{body['lora_name']}' has already been loaded.")
            self.loaded[body["lora_name"]] = body["lora_path"]
            return 200, "Success"
        if path == "/v1/unload_lora_adapter":
            return (200, "Success") if self.loaded.pop(body["lora_name"], None) else (404, error("cannot be found"))
        if self.failures:
            return self.failures.pop(0), error("made to fail")
        model = body["model"]
        if model != "base" and model not in self.loaded:
            return 404, error(f"The model `{model}` does not exist.")
        brain = self.base if model == "base" or self.learned is None else self.learned
        return 200, {"model": self.answers_as or model, "choices": [self.choice(brain, body)]}

    def choice(self, brain: Brain, body: Mapping[str, Any]) -> dict[str, Any]:
        prompt = [*self.extra_tokens, *body.get("prompt", [])]
        if "messages" in body:
            calls = [{"function": self.call}] if self.call else []
            message = {"content": None if calls else "no call", "tool_calls": calls}
            return {"message": message, "finish_reason": "tool_calls", "token_ids": [7, 8]}
        if (top := body.get("logprobs")) is not None:
            row = list(brain(prompt))
            best = sorted(range(len(row)), key=lambda token: -row[token])[:top]
            table = {f"token_id:{token}": row[token] for token in best}
            return {"logprobs": {"top_logprobs": [table]}, "finish_reason": "length"}
        written: list[int] = []
        while len(written) < body["max_tokens"]:
            row = list(brain([*prompt, *written]))
            written.append(max(range(len(row)), key=lambda token: row[token]))
            if written[-1] in body["stop_token_ids"]:
                break
        reason = "stop" if written[-1] in body["stop_token_ids"] else "length"
        return {"token_ids": written, "prompt_token_ids": prompt, "finish_reason": reason, "text": "?"}


def error(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


@contextmanager
def serving_fake(fake: FakeVllm) -> Generator[str]:
    """The fake on a free port of this machine; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            card = {"id": "base", "parent": None, "max_model_len": fake.context}
            pages = {"/health": {}, "/version": {"version": fake.version}, "/v1/models": {"data": [card]}}
            self.send(200 if self.path in pages else 404, pages.get(self.path, {}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if fake.key and self.headers.get("Authorization") != f"Bearer {fake.key}":
                self.send(401, {"error": "Unauthorized"})
                return
            self.send(*fake.reply(self.path, body))

        def send(self, status: int, value: Any) -> None:
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
