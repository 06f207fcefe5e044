"""One question through an SDK, with attempts, negotiation and errors in our words. Both clients use it.

The two SDKs are built alike: the same names for their errors, the same client arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from probes.errors import LaunchError, ModelReplyError
from probes.language_models.config import PLACEHOLDER_KEY, ModelAccess
from probes.language_models.negotiation import Feature, Negotiation, arguments, dropped
from probes.language_models.retrying import AttemptError, Patience, attempt

R = TypeVar("R")
_AGAIN = (408, 409, 425, 429)
_REFUSALS = (400, 422)
_EXCERPT = 300


class Asked(NamedTuple, Generic[R]):
    """An SDK's message and what it took."""

    message: R
    requests: int
    seconds: float
    dropped: tuple[str, ...]


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

        def send(timeout_s: float) -> R:
            while True:
                levels = self._negotiation.levels(features)
                sent.append(dropped(features, levels))
                try:
                    return self._call(call, arguments(features, levels), timeout_s)
                except _RefusedError as error:
                    if not self._negotiation.refused(features, levels, error.said):
                        raise ModelReplyError(f"{self._who} refused the question: {error.said}") from error

        message = attempt(send, self._patience, self._who)
        return Asked(message, len(sent), time.monotonic() - started, sent[-1])

    def malformed(self, what: str) -> ModelReplyError:
        """Return the error for a response that is none of the API's."""
        return ModelReplyError(f"{self._who} sent something else than the {self._access.provider} API does: {what}")

    def _call(self, call: Callable[..., R], keywords: dict[str, Any], timeout_s: float) -> R:
        try:
            return call(**keywords, timeout=timeout_s)
        except self._sdk.APITimeoutError as error:
            raise AttemptError(f"no whole response within {timeout_s:.3g} s") from error
        except self._sdk.APIConnectionError as error:
            cause = error.__cause__
            raise AttemptError(
                f"the connection failed ({type(cause).__name__}: {self._excerpt(str(cause))})"
            ) from error
        except self._sdk.APIStatusError as error:
            raise self._status_error(error) from error
        except ValueError as error:
            raise self.malformed(f"no JSON ({self._excerpt(str(error))})") from error

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
        """Return one line of a server's message, without the key should the server repeat it."""
        text = " ".join(message.split())
        if self._key != PLACEHOLDER_KEY:
            text = text.replace(self._key, "***")
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


class _RefusedError(Exception):
    """The server refuses the request as it is."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks us to wait, given as milliseconds, seconds or a date; None when it does not."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if value is None else max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value or "").timestamp() - time.time())
    except ValueError:
        return None
