"""A saved adapter on a base model: lent to it, or merged into a model of its own for a server."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from peft import PeftModel

from probes.base_model import TOKENIZER_FILES
from probes.evaluation.backends.config import ServingMode
from probes.evaluation.merging import round_layers
from probes.recipe import Precision
from probes.training.adapter import borrowed
from probes.warm_base import load_base


@contextmanager
def attached(base: Any, adapter: Path) -> Generator[Any]:
    """Lend `base` the adapter in a folder; afterwards it is as it was."""
    with borrowed(base):
        model = _load(base, adapter)
        model.eval()
        yield model


def save_merged(base: Path, adapter: Path, mode: ServingMode, precision: Precision, out: Path) -> None:
    """Write the base model with the adapter merged in, rounded as `mode` says and read back, to the folder `out`."""
    loaded = load_base(base, precision)
    merged = _load(loaded.model, adapter).merge_and_unload()
    round_layers(merged, mode)
    merged.save_pretrained(str(out))
    for name in TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copy2(base / name, out / name)


def _load(base: Any, adapter: Path) -> Any:
    return cast("Any", PeftModel).from_pretrained(base, str(adapter))
