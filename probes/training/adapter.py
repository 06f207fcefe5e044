"""An adapter on its way in and out: saving, the load test, and taking it off a warm base model again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

from probes.errors import DataError
from probes.outcome import AdapterFacts

WEIGHTS_NAME = "adapter_model.safetensors"
CONFIG_NAME = "adapter_config.json"


def save_adapter(model: Any, folder: Path) -> None:
    """Write the adapter of a PEFT model as safetensors and config; embeddings are never trained, so never saved."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card


def load_test(folder: Path, rank: int) -> AdapterFacts:
    """Read a saved adapter back and return what it is.

    Raises:
        DataError: a file is missing, the rank is not `rank`, or the weights are not finite or do nothing.
    """
    weights_path = folder / WEIGHTS_NAME
    for path in (weights_path, folder / CONFIG_NAME):
        if not path.is_file():
            raise DataError(f"adapter `{folder}` lacks `{path.name}`; train it again")
    weights = load_file(str(weights_path))
    ranks = {int(tensor.shape[0]) for name, tensor in weights.items() if ".lora_A." in name}
    if ranks != {rank}:
        raise DataError(f"adapter `{folder}` must have rank {rank} everywhere, got {sorted(ranks)}")
    norm = _delta_norm(weights)
    if not math.isfinite(norm) or norm == 0.0:
        raise DataError(f"adapter `{folder}` must change the base by a finite, non-zero amount, got norm {norm}")
    data = weights_path.read_bytes()
    return AdapterFacts(
        digest=hashlib.sha256(data).hexdigest()[:16], rank=rank, delta_norm=norm, size_mib=len(data) / 2**20
    )


@contextmanager
def borrowed(base: Any) -> Generator[None]:
    """Lend a warm base model to a trainer and restore it afterwards, whatever happened in between.

    PEFT wraps linear layers in place, TRL replaces `forward`, tags the model and sets padding tokens. Afterwards the
    base has its own layers, its own methods and its old settings; its weights were frozen all along.
    """
    attributes = _public(base)
    settings = [(part, dict(_state(part))) for part in (base.config, base.generation_config)]
    try:
        yield
    finally:
        strip_adapters(base)
        for name in _public(base).keys() - attributes.keys():
            delattr(base, name)
        _state(base).update(attributes)
        for part, before in settings:
            _state(part).clear()
            _state(part).update(before)
        base.requires_grad_(False)
        base.zero_grad(set_to_none=True)
        base.eval()


def strip_adapters(base: Any) -> None:
    """Put the original layers back where PEFT wrapped them."""
    for name, module in list(base.named_modules()):
        if isinstance(module, BaseTunerLayer):
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, module.get_base_layer())


def _state(thing: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", vars(thing))


def _public(base: Any) -> dict[str, Any]:
    """Return what is set on the module itself; parameters and submodules live in private dictionaries."""
    return {name: value for name, value in _state(base).items() if not name.startswith("_")}


def _delta_norm(weights: dict[str, torch.Tensor]) -> float:
    """Return √Σ‖B·A‖², without forming a product: ‖B·A‖² = Σ (BᵀB)∘(AAᵀ)."""
    total = 0.0
    for name, a in weights.items():
        if ".lora_A." in name:
            a, b = a.double(), weights[name.replace(".lora_A.", ".lora_B.")].double()
            total += float(((b.T @ b) * (a @ a.T)).sum())
    return math.sqrt(max(total, 0.0)) if math.isfinite(total) else total
