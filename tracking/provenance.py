"""Where a night's results come from: commit, versions, hardware, digests. Never a user, a host, a key or a variable."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "nightlab", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "safetensors",
    "numpy", "scipy", "polars", "pydantic", "optuna", "langgraph", "mlflow",
)  # fmt: skip
COMMAND_LIMIT_S = 20.0


def collect_provenance(
    digests: Mapping[str, str], libraries: Sequence[str] = LIBRARIES, checkout: Path = CHECKOUT
) -> dict[str, Any]:
    """Return what a reader needs to know before comparing this night with another.

    Args:
        digests: name → digest of what was read: base model, training files, search and held-out items.
        libraries: distributions whose versions are recorded; one that is not installed is None.
        checkout: folder whose commit is recorded; None outside git.
    """
    return {
        "commit": commit_of(checkout),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {name: _version(name) for name in libraries},
        "hardware": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gib": _memory_gib(),
            "gpus": gpu_names(),
        },
        "digests": dict(digests),
    }


def commit_of(folder: Path) -> dict[str, Any] | None:
    """Return `{"id", "dirty"}` of the git checkout whose top is `folder`.

    None without git, before the first commit, and for a folder that merely lies inside somebody else's checkout.
    """
    top = _output_of(["git", "-C", str(folder), "rev-parse", "--show-toplevel"])
    head = _output_of(["git", "-C", str(folder), "rev-parse", "HEAD"])
    if not top or not head or Path(top).resolve() != folder.resolve():
        return None
    changed = _output_of(["git", "-C", str(folder), "status", "--porcelain"])
    return {"id": head, "dirty": bool(changed)}


def gpu_names() -> list[str]:
    """Return the names of the GPUs the driver reports, [] without a driver."""
    names = _output_of(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    return [line.strip() for line in (names or "").splitlines() if line.strip()]


def _output_of(command: list[str]) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in {"model name", "Model"}:
                return value.strip()
    return platform.processor() or None


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (OSError, ValueError):
        return None
