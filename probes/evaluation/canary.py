"""The canary: before a suite is answered, does the adapter asked for answer, and not its base or another model?

A few prompts' next-token probabilities are compared. In process, adapter and base must differ somewhere. A server's
answers under the adapter's name are held against what the adapter just trained and its base say in this process, and
must be the adapter's. Distances are mean absolute differences of log-probabilities over the server's likeliest tokens;
what a server's numerics alone make of the base is known from the base's own answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal, cast

import torch

from probes.errors import MeasurementError
from probes.evaluation.generation import Question, read_prompts
from probes.outcome import Canary

PROMPTS = 4
TOP = 20
"""Likeliest tokens a server is asked for; vLLM gives no more by default."""
NUMERICS_FACTOR, EFFECT_SHARE = 5.0, 0.1
"""An answer is somebody's when its distance is at most so many times the server's numerics plus this share of the
distance between adapter and base; another adapter is further away."""
BLIND_SHARE = 0.5
"""The share alone, where the server has no base to show its numerics."""
LEAST_NUMERICS = 1e-5
TELLABLE = 3.0
"""Adapter and base must be so many times the numerics apart to be told from one another."""
SAME_BASE = 0.3
"""A base further away than this is another model, whatever the precision."""

Logprobs = Mapping[int, float]
"""Token → log-probability of some next tokens."""


def canary_prompts(prompts: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return a few prompts, spread over the suite."""
    step = max(1, len(prompts) // PROMPTS)
    return [tuple(prompt) for prompt in prompts[::step][:PROMPTS]]


@torch.inference_mode()
def next_logprobs(model: Any, prompts: Sequence[tuple[int, ...]], pad_id: int) -> list[list[float]]:
    """Return for each prompt the log-probability of every token that may come next."""
    device = next(model.parameters()).device
    logits, _, _ = read_prompts(model, [Question(prompt, (0,)) for prompt in prompts], pad_id, device)
    return cast("list[list[float]]", cast("Any", torch.log_softmax(logits.double(), dim=-1)).tolist())


def compare_in_process(name: str, adapter: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> Canary:
    """Return the canary of a model in this process: where adapter and base differ, and by how much."""
    gaps = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(adapter, base, strict=True)]
    return Canary(
        model=name,
        prompts=len(gaps),
        differing=sum(gap > 0.0 for gap in gaps),
        closest="adapter" if any(gaps) else "base",
        largest_difference=max(gaps),
    )


def compare_served(
    name: str,
    served: Sequence[Logprobs],
    adapter: Sequence[Sequence[float]],
    base: Sequence[Sequence[float]],
    served_base: Sequence[Logprobs] = (),
) -> Canary:
    """Return whose answers a server gave.

    Args:
        name: Model the server was asked for.
        served: Its answers under that name, per prompt.
        adapter: What the adapter says here, per prompt and token.
        base: What the base says here.
        served_base: The server's answers under the base's name; empty where it serves no base.
    """
    to_adapter, to_base = _distance(served, adapter), _distance(served, base)
    numerics = _distance(served_base, base) if served_base else None
    # What there is to tell: how far the two are apart over the tokens that were looked at.
    apart = _distance([{t: a[t] for t in s} for s, a in zip(served, adapter, strict=True)], base)
    others: Sequence[Logprobs] = served_base or [dict(enumerate(row)) for row in base]
    gaps = [max(abs(s[t] - o[t]) for t in s.keys() & o.keys()) for s, o in zip(served, others, strict=True)]
    return Canary(
        model=name,
        prompts=len(served),
        differing=sum(gap > 0.0 for gap in gaps),
        closest=_closest(to_adapter, to_base, apart, numerics),
        largest_difference=max(gaps),
        adapter_distance=to_adapter,
        base_distance=to_base,
        numerics=numerics,
    )


def compare_base(name: str, served: Sequence[Logprobs], base: Sequence[Sequence[float]]) -> Canary:
    """Return whether a server asked for the base gave the answers of the base at hand."""
    distance = _distance(served, base)
    return Canary(
        model=name,
        prompts=len(served),
        differing=0,
        closest="base" if distance <= SAME_BASE else "neither",
        largest_difference=0.0,
        base_distance=distance,
        numerics=distance,
    )


def require_adapter(canary: Canary, who: str) -> Canary:
    """Return `canary`, or refuse to score answers that are not the adapter's.

    Raises:
        MeasurementError: something else answered; `who`, what it was asked for, and the cure are named.
    """
    if canary.closest in ("adapter", "unclear"):
        return canary
    asked = f"{who} was asked for `{canary.model}`"
    if canary.adapter_distance is None and canary.numerics is None:
        raise MeasurementError(
            f"canary: {asked}, and its answers to all of {canary.prompts} prompts are exactly the base's: the adapter "
            "does nothing there; look at the recipe's learning rate and steps, and at the training log"
        )
    far = f"mean distance {canary.base_distance:.2g} from the base"
    if canary.adapter_distance is not None:
        far += f", {canary.adapter_distance:.2g} from the adapter just trained"
    if canary.numerics is not None and canary.numerics > SAME_BASE:
        raise MeasurementError(
            f"canary: {who} serves another base model: its base is {canary.numerics:.2g} away from the one that was "
            "trained on; start it on that folder, or correct `serving.base_url`"
        )
    found = "the base answered" if canary.closest == "base" else "another model answered"
    raise MeasurementError(
        f"canary: {asked}, but {found} ({canary.prompts} prompts, {far}), so nothing was scored; start the server with "
        "--enable-lora and make sure that it loads adapters under the names it is given"
    )


def require_base(canary: Canary, who: str) -> Canary:
    """Return `canary`, or refuse to score answers that are not the base's.

    Raises:
        MeasurementError: another model answered.
    """
    if canary.closest == "base":
        return canary
    raise MeasurementError(
        f"canary: {who} was asked for its base `{canary.model}`, but another model than the session's base answered "
        f"(mean distance {canary.base_distance:.2g} over {canary.prompts} prompts), so nothing was scored; start it on "
        "the session's base model, or correct `serving.base_url`"
    )


def _closest(
    to_adapter: float, to_base: float, apart: float, numerics: float | None
) -> Literal["adapter", "base", "neither", "unclear"]:
    if numerics is None:
        limit = BLIND_SHARE * apart
    else:
        numerics = max(numerics, LEAST_NUMERICS)
        if numerics > SAME_BASE:
            return "neither"
        if apart <= TELLABLE * numerics:
            return "unclear"
        limit = NUMERICS_FACTOR * numerics + EFFECT_SHARE * apart
    if min(to_adapter, to_base) > limit:
        return "neither"
    return "adapter" if to_adapter < to_base else "base"


def _distance(served: Sequence[Logprobs], known: Sequence[Sequence[float]]) -> float:
    return fmean(
        fmean(abs(p - row[token]) for token, p in answer.items()) for answer, row in zip(served, known, strict=True)
    )
