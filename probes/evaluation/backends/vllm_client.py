"""The conversation with a vLLM server: its version and models, adapters in and out, answers; with retries.

Plain HTTP: the server's own extensions (prompts and answers as token ids, adapters loaded at run time) are what is
needed here, and no client library knows them. Loopback is never spoken to through a proxy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import httpx

from probes.errors import LaunchError
from probes.loopback import is_loopback

KEY_VARIABLE = "NIGHTLAB_SERVER_KEY"
"""Environment variable with the server's key; set for the workers by whoever starts them."""
ATTEMPTS = 3
BACK_OFF_S = 0.5
CONNECT_S = 5.0
_OK, _UNAUTHORIZED = 200, 401
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class Refusal(NamedTuple):
    """A reply that is no answer."""

    status: int
    message: str


class VllmClient:
    """Speaks to one server; safe to use from several threads; a context manager that closes its connections."""

    def __init__(self, base_url: str, key: str | None = None, timeout_s: float = 600.0, connections: int = 64) -> None:
        """Speak to `base_url` with `key`, or with the one in `NIGHTLAB_SERVER_KEY`."""
        key = key or os.environ.get(KEY_VARIABLE)
        self.base_url = base_url
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not is_loopback(base_url),
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def wait_until_up(self, patience_s: float) -> None:
        """Wait for the server, for instance while it is started again.

        Raises:
            LaunchError: it does not answer within `patience_s`.
        """
        limit = time.monotonic() + patience_s
        while not is_healthy(self.base_url):
            if time.monotonic() > limit:
                raise LaunchError(
                    f"no vLLM server answers on {self.base_url} (waited {patience_s:g} s, `serving.startup_s`); "
                    "start it, or correct `serving.base_url`"
                )
            time.sleep(BACK_OFF_S)

    def version(self) -> str:
        """Return the server's version.

        Raises:
            LaunchError: it tells none, so it is no vLLM server.
        """
        reply = self._get("/version")
        version = reply.get("version")
        if not isinstance(version, str):
            raise LaunchError(f"{self.base_url} tells no version, so it is no vLLM server; correct `serving.base_url`")
        return version

    def models(self) -> dict[str, int | None]:
        """Return name → context length of the models that are no adapters, in the server's order."""
        cards = cast("list[dict[str, Any]]", self._get("/v1/models").get("data") or [])
        return {str(card["id"]): card.get("max_model_len") for card in cards if card.get("parent") is None}

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load the adapter in `folder` under `name`; one that an earlier attempt left there goes first.

        Raises:
            LaunchError: the server refuses.
        """
        refusal = self._load(name, folder)
        if refusal is not None and "already been loaded" in refusal.message:
            self.unload_adapter(name)
            refusal = self._load(name, folder)
        if refusal is not None:
            cure = "allow it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora, raise --max-lora-rank where "
            cure += "the rank is too large, and let the server see the folder"
            raise LaunchError(f"{self.base_url} cannot load adapter `{folder}`: {refusal.message}; {cure}")

    def unload_adapter(self, name: str) -> Refusal | None:
        """Take an adapter out again; return why the server would not."""
        reply = self.post("/v1/unload_lora_adapter", {"lora_name": name})
        return reply if isinstance(reply, Refusal) else None

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | Refusal:
        """Return the reply to `body`, or the refusal that is left after retries.

        Raises:
            LaunchError: the server is gone.
        """
        refusal = Refusal(0, "")
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(BACK_OFF_S * 2 ** (attempt - 1))
            try:
                response = self._http.post(path, json=body)
            except httpx.TransportError as error:
                refusal = Refusal(0, f"{type(error).__name__}: {error}")
                continue
            if response.status_code == _OK:
                return _as_object(response)
            refusal = Refusal(response.status_code, _message(response))
            if response.status_code not in _RETRIED:
                return refusal
        if refusal.status == 0 and not is_healthy(self.base_url):
            raise LaunchError(f"the vLLM server on {self.base_url} is gone ({refusal.message}); see its log")
        return refusal

    def _load(self, name: str, folder: Path) -> Refusal | None:
        reply = self.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder.resolve())})
        return reply if isinstance(reply, Refusal) else None

    def _get(self, path: str) -> dict[str, Any]:
        try:
            response = self._http.get(path)
        except httpx.TransportError as error:
            raise LaunchError(f"{self.base_url} does not answer ({type(error).__name__}: {error})") from error
        if response.status_code == _UNAUTHORIZED:
            raise LaunchError(f"{self.base_url} wants another key; name its variable in `serving.key_env`")
        return _as_object(response) if response.status_code == _OK else {}


def is_healthy(base_url: str) -> bool:
    """Return whether a server answers its health check."""
    try:
        response = httpx.get(f"{base_url}/health", timeout=CONNECT_S, trust_env=not is_loopback(base_url))
    except httpx.TransportError:
        return False
    return response.status_code == _OK


def _as_object(response: httpx.Response) -> dict[str, Any]:
    """Return the reply's object; plain text, as adapters are answered, is `{"text": …}`."""
    try:
        value: object = response.json()
    except ValueError:
        return {"text": response.text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"text": response.text}


def _message(response: httpx.Response) -> str:
    error: object = _as_object(response).get("error")
    said: object = cast("dict[str, Any]", error).get("message") if isinstance(error, dict) else error
    return " ".join(str(said or response.text).split())[:400] or f"HTTP {response.status_code}"
