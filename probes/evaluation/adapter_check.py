"""Does an adapter belong to a base model? Answered from headers and configurations, before the base is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from probes.base_model import read_config
from probes.errors import DataError
from probes.outcome import AdapterFacts
from probes.request import FileRef
from probes.training.preflight import check_adapter

FILES = ("adapter_config.json", "adapter_model.safetensors")
REQUEST = "request.json"
"""A probe's request lies beside its adapter and has the digest of the base it was trained on."""


def check_fit(adapter: Path, base: FileRef) -> AdapterFacts:
    """Return what the adapter in `adapter` is, when it fits the base model and does something.

    Raises:
        DataError: a file is missing, it is no LoRA of a language model, its layers, shapes or rank are not the base's,
            it was trained on another base, or its weights do nothing.
    """
    for name in FILES:
        if not (adapter / name).is_file():
            raise DataError(f"adapter folder `{adapter}` has no {name}; name the folder that a training saved")
    config = cast("dict[str, Any]", json.loads((adapter / FILES[0]).read_bytes()))
    kind, task = config.get("peft_type"), config.get("task_type") or "CAUSAL_LM"
    if kind != "LORA" or task != "CAUSAL_LM":
        raise DataError(
            f"adapter `{adapter}` must be a LORA for CAUSAL_LM, is {kind} for {task}; only these are served"
        )
    _check_class(adapter, Path(base.path))
    check_adapter(adapter, Path(base.path))
    _check_recorded_base(adapter, base)
    from probes.training.adapter import load_test

    return load_test(adapter, int(config["r"]))


def _check_class(adapter: Path, base: Path) -> None:
    """Refuse a base that is no language model, which would load with fresh random heads."""
    classes: list[str] = read_config(base).get("architectures") or []
    if classes and not any(name.endswith(("ForCausalLM", "ForConditionalGeneration")) for name in classes):
        raise DataError(
            f"base model `{base}` is a {classes[0]} and cannot continue a text, so adapter `{adapter}` cannot be "
            "measured on it; use the language model that it was trained on"
        )


def _check_recorded_base(adapter: Path, base: FileRef) -> None:
    path = adapter.parent / REQUEST
    if not path.is_file():
        return
    recorded: dict[str, Any] = json.loads(path.read_bytes()).get("base_model", {})
    if recorded.get("digest", base.digest) != base.digest:
        raise DataError(
            f"adapter `{adapter}` was trained on the base model {recorded['digest']} (`{recorded.get('path')}`), the "
            f"session's is {base.digest} (`{base.path}`); correct `base` in `[model]`"
        )
