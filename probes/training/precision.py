"""What a recipe's `precision` means on this machine."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import torch

from probes.recipe import Precision


def trains_in_bfloat16(precision: Precision) -> bool:
    """Return whether `precision` means bfloat16 on this machine; `auto` asks the device, and a CPU says no."""
    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision == "bfloat16"


@contextmanager
def fast_products(precision: Precision) -> Generator[None]:
    """Let oneDNN multiply float32 matrices in here, unless `precision` is strictly `float32`.

    On a CPU, allowing bfloat16 inside float32 products is what routes them to oneDNN instead of MKL. On AMD that
    nearly doubles the training speed of small models, still in full float32; where a CPU multiplies bfloat16 in
    hardware, factors are rounded to it and sums are not.
    """
    matmul = cast("Any", torch.backends.mkldnn).matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "ieee" if precision == "float32" else "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before
