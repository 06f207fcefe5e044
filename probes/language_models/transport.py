"""The HTTP client that both SDKs are given.

A response that trickles would outlive any limit between two bytes, so its body is also held to the request's limit as a
whole. Redirects are not followed, and proxies from the environment are not used for addresses on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2

from probes.language_models.config import ModelAccess
from probes.loopback import is_loopback


def http_client(access: ModelAccess) -> httpx2.Client:
    """Return the client for one address."""
    return httpx2.Client(
        follow_redirects=False, trust_env=not is_loopback(access.address), event_hooks={"response": [_bound]}
    )


class _BoundedBody(httpx2.SyncByteStream):
    """A body that has to end in time."""

    def __init__(self, inner: Any, request: httpx2.Request, limit_s: float) -> None:
        self._inner, self._request = inner, request
        self._deadline = time.monotonic() + limit_s

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the response went on beyond its limit", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()


def _bound(response: httpx2.Response) -> None:
    limits: dict[str, Any] = response.request.extensions.get("timeout", {})
    if limits.get("read") is not None:
        response.stream = _BoundedBody(response.stream, response.request, float(limits["read"]))
