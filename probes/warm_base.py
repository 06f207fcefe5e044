"""The base model a worker keeps warm: loaded once, lent to one probe after the other."""

# pyright: reportUnknownMemberType=false
# The Auto classes of transformers are untyped.
from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from probes.base_model import check_folder
from probes.recipe import Precision
from probes.training.precision import trains_in_bfloat16


class LoadedBase(NamedTuple):
    """A base model in evaluation mode, its weights frozen, and its tokenizer."""

    model: Any
    tokenizer: Any


class WarmBase:
    """Keeps the last base model as long as requests name the same digest and precision."""

    def __init__(self) -> None:
        """Start cold."""
        self._key: tuple[str, bool] | None = None
        self._base: LoadedBase | None = None

    def get(self, folder: Path, digest: str, precision: Precision) -> LoadedBase:
        """Return the base model in `folder`, loading it unless it is the one at hand.

        Raises:
            DataError: the folder is no complete model.
        """
        key = (digest, trains_in_bfloat16(precision))
        if self._base is None or key != self._key:
            self.drop()
            self._base = load_base(folder, precision)
            self._key = key
            # What is loaded now stays: the collector need not visit a million objects of libraries at every probe.
            gc.collect()
            gc.freeze()
        return self._base

    def drop(self) -> None:
        """Forget the base model, for instance after a failure that may have left marks on it."""
        self._base = self._key = None
        gc.unfreeze()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def load_base(folder: Path, precision: Precision) -> LoadedBase:
    """Load a base model from a folder: frozen, without dropout, on the GPU where there is one.

    Base dropout is off in every probe, so that the recipe's `dropout` is all the dropout there is.
    """
    check_folder(folder)
    dtype = torch.bfloat16 if trains_in_bfloat16(precision) else torch.float32
    # Small float32 products are faster through oneDNN (see `fast_products`), the fused CPU kernel is not.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=dtype, attn_implementation=attention, local_files_only=True
    )
    tokenizer = cast("Any", AutoTokenizer.from_pretrained(str(folder), local_files_only=True))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    model.requires_grad_(False)
    model.eval()
    return LoadedBase(model, tokenizer)
