"""One question through an SDK, with attempts, negotiation and errors in our words. Both clients use it.

The two SDKs are built alike: the same names for their errors, the same client arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isnan
from typing import Any, Generic, NamedTuple, TypeVar, cast

from probes.errors import LaunchError, ModelReplyError
from probes.language_models.config import PLACEHOLDER_KEY, ModelAccess
from probes.language_models.model import Reply, StopReason, Usage
from probes.language_models.negotiation import Feature, Negotiation, arguments, dropped
from probes.language_models.retrying import AttemptError, Patience, attempt
from probes.words import printable

R = TypeVar("R")
_AGAIN = (408, 409, 425, 429)
_REFUSALS = (400, 422)
_EXCERPT = 300
_UNHEARD = ("ConnectError", "ConnectTimeout")
"""The HTTP library's errors of requests that never reached a server."""


class Asked(NamedTuple, Generic[R]):
    """An SDK's message and what it took."""

    message: R
    requests: int
    unpriced: int
    """Requests lost on the way to a reply that a provider may bill."""
    seconds: float
    dropped: tuple[str, ...]

    def reply(self, text: str, stop_reason: StopReason, model: str, usage: Usage | None) -> Reply:
        """Return what was read of the message, with what it took."""
        return Reply(text, stop_reason, model, usage, self.seconds, self.requests, self.unpriced, self.dropped)


class Asking(Generic[R]):
    """Sends questions to one model; `sdk` is the module with the errors."""

    def __init__(self, sdk: Any, access: ModelAccess, key: str) -> None:
        """Fix what all questions share."""
        self._sdk, self._access, self._key = sdk, access, key
        self._patience = Patience(access.retries, access.timeout_s, access.deadline_s, access.backoff_s)
        self._negotiation = Negotiation()
        self._who = f"{access.provider} model `{access.model}` at {access.address}"

    def ask(self, call: Callable[..., R], features: Sequence[Feature]) -> Asked[R]:
        """Return what `call` returned; it gets the arguments of `features` and `timeout`.

        Raises:
            ModelReplyError: no reply came within attempts and deadline, or the server refused the question.
            LaunchError: the key, the model's name or the address is wrong.
        """
        started = time.monotonic()
        sent: list[tuple[str, ...]] = []
        lost = 0

        def send(timeout_s: float) -> R:
            nonlocal lost
            first = self._negotiation.levels(features)
            while True:
                levels = self._negotiation.levels(features)
                sent.append(dropped(features, levels))
                try:
                    return self._call(call, arguments(features, levels), timeout_s)
                except _RefusedError as error:
                    if not self._negotiation.refused(features, levels, error.said):
                        self._negotiation.put_back(first)
                        raise ModelReplyError(f"{self._who} refused the question: {error.said}") from error
                except (AttemptError, _GarbledError) as error:
                    lost += isinstance(error, _GarbledError) or error.may_cost
                    raise

        try:
            message = attempt(send, self._patience, self._who)
        except ModelReplyError as error:
            error.requests, error.unpriced = len(sent), lost
            raise
        return Asked(message, len(sent), lost, time.monotonic() - started, sent[-1])

    def read(self, asked: Asked[R], as_reply: Callable[[R], Reply]) -> Reply:
        """Return the reply that `as_reply` makes of an SDK's message, whose fields may hold anything.

        Raises:
            ModelReplyError: it makes none.
        """
        try:
            return as_reply(asked.message)
        except (AttributeError, TypeError, LookupError, ValueError) as error:
            garbled = self._garbled(f"{type(error).__name__}: {self._excerpt(str(error))}")
            garbled.requests, garbled.unpriced = asked.requests, asked.unpriced + 1
            raise garbled from error

    def _garbled(self, what: str) -> _GarbledError:
        return _GarbledError(f"{self._who} sent something else than the {self._access.provider} API does: {what}")

    def _call(self, call: Callable[..., R], keywords: dict[str, Any], timeout_s: float) -> R:
        try:
            return call(**keywords, timeout=timeout_s)
        except self._sdk.APITimeoutError as error:
            may_cost = type(error.__cause__).__name__ not in _UNHEARD
            raise AttemptError(f"no whole response within {timeout_s:.3g} s", may_cost=may_cost) from error
        except self._sdk.APIConnectionError as error:
            cause = error.__cause__
            said = f"the connection failed ({type(cause).__name__}: {self._excerpt(str(cause))})"
            raise AttemptError(said, may_cost=type(cause).__name__ not in _UNHEARD) from error
        except self._sdk.APIStatusError as error:
            raise self._status_error(error) from error
        except (ValueError, RecursionError) as error:
            raise self._garbled(f"no JSON ({self._excerpt(str(error))})") from error

    def _status_error(self, error: Any) -> Exception:
        status, said = int(error.status_code), self._excerpt(_said(error))
        if status in _REFUSALS:
            return _RefusedError(said)
        if status in _AGAIN or status >= 500:
            return AttemptError(f"HTTP {status}: {said}", retry_after_s(error.response.headers))
        cure = {
            401: f"correct the key in {self._access.key_name}",
            403: f"correct the key in {self._access.key_name}, or its rights",
            404: "correct `model` or `base_url`",
        }.get(status, "correct `base_url`")
        return LaunchError(f"{self._who} cannot be asked (HTTP {status}: {said}); {cure}")

    def _excerpt(self, message: str) -> str:
        """Return one line of a server's message, without control characters and without the key should it be there."""
        if self._key != PLACEHOLDER_KEY:
            message = message.replace(self._key, "***").replace(repr(self._key)[1:-1], "***")
        text = " ".join(printable(message).split())
        return text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…"


def _said(error: Any) -> str:
    """Return the server's own words, which one SDK wraps in the whole body."""
    body: Any = error.body
    for _ in range(2):
        if isinstance(body, dict):
            inner = cast("dict[str, Any]", body)
            if isinstance(inner.get("message"), str):
                return inner["message"]
            body = inner.get("error")
    return str(error.message)


class _GarbledError(ModelReplyError):
    """A whole response came and was none of the API's."""


class _RefusedError(Exception):
    """The server refuses the request as it is."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks us to wait, given as milliseconds, seconds or a date; None when it does not."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    return _number(value) if value is None or _number(value) is not None else _until(value)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return None if isnan(number) else max(0.0, number)


def _until(date: str) -> float | None:
    """Return the seconds until an HTTP date; one without a zone is in UTC."""
    try:
        at = parsedate_to_datetime(date)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
