"""Serving modes in process: the adapter merged into the base's weights, these rounded as a quantised file holds them.

Rounding shows what quantisation does to answers, not how fast a quantised model runs: weights are rounded and read
back at once. `merged_int8` and `merged_int4` are llama.cpp's Q8_0 and Q4_0 (`quantize_row_q8_0_ref`,
`quantize_row_q4_0_ref` in ggml-quants.c): groups of 32 along a row, one 16-bit scale each. Every linear layer but the
output head is rounded, as these files do for the bulk of a model; embeddings, head and norms stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer

from probes.evaluation.backends.config import ServingMode

GROUP = 32
Rounding = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def served_as(model: Any, mode: ServingMode) -> Generator[None]:
    """Let a PEFT model answer as `mode` serves it; afterwards its base has the very tensors it had before."""
    if mode == "adapter_on_base":
        yield
        return
    before: dict[torch.Tensor, torch.Tensor] = {}
    try:
        with torch.no_grad():
            for weight, delta in _deltas(model):
                before.setdefault(weight, weight.data)
                weight.data = weight.data + delta.to(weight.dtype)
            for layer in _rounded_layers(model, mode):
                before.setdefault(layer.weight, layer.weight.data)
            round_layers(model, mode)
        with model.disable_adapter():
            yield
    finally:
        for weight, data in before.items():
            weight.data = data


def round_layers(model: Any, mode: ServingMode) -> None:
    """Replace the weights of `model`'s linear layers by what a file of `mode` would hold."""
    rounding = ROUNDINGS.get(mode)
    if rounding is not None:
        for layer in _rounded_layers(model, mode):
            layer.weight.data = rounding(layer.weight.data)


def to_q8_0(weight: torch.Tensor) -> torch.Tensor:
    """Return `weight` as Q8_0 holds it: whole numbers of -127 … 127 times a scale per group."""
    groups = _groups(weight)
    scale = groups.abs().amax(dim=-1, keepdim=True) / 127.0
    steps = groups * _inverse(scale)
    whole = torch.sign(steps) * torch.floor(steps.abs() + 0.5)
    return _rows(whole * _half(scale), weight)


def to_q4_0(weight: torch.Tensor) -> torch.Tensor:
    """Return `weight` as Q4_0 holds it: whole numbers of -8 … 7 times a scale per group, -8 being its largest value."""
    groups = _groups(weight)
    largest = groups.gather(-1, groups.abs().argmax(dim=-1, keepdim=True))
    scale = largest / -8.0
    whole = torch.floor(groups * _inverse(scale) + 8.5).clamp(max=15.0) - 8.0
    return _rows(whole * _half(scale), weight)


ROUNDINGS: dict[ServingMode, Rounding] = {"merged_int8": to_q8_0, "merged_int4": to_q4_0}


def _deltas(model: Any) -> Iterator[tuple[torch.nn.Parameter, torch.Tensor]]:
    for module in model.modules():
        if isinstance(module, LoraLayer):
            layer: Any = module
            for adapter in layer.active_adapters:
                if adapter in layer.lora_A:
                    yield layer.get_base_layer().weight, layer.get_delta_weight(adapter)


def _rounded_layers(model: Any, mode: ServingMode) -> Iterator[torch.nn.Linear]:
    """Yield the base's own linear layers, without the output head."""
    if mode not in ROUNDINGS:
        return
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head and ".lora_" not in name:
            yield module


def _groups(weight: torch.Tensor) -> torch.Tensor:
    """Return rows cut into groups [rows, groups, 32] in 32 bits, a last short group filled with zeros."""
    padded = torch.nn.functional.pad(weight.float(), (0, -weight.shape[1] % GROUP))
    return padded.view(weight.shape[0], -1, GROUP)


def _rows(groups: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return groups.reshape(like.shape[0], -1)[:, : like.shape[1]].to(like.dtype).contiguous()


def _inverse(scale: torch.Tensor) -> torch.Tensor:
    return torch.where(scale == 0, scale, 1.0 / scale)


def _half(scale: torch.Tensor) -> torch.Tensor:
    return scale.half().float()
