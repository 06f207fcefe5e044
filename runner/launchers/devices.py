"""What a worker may run on: one GPU each where there are GPUs, else one core each; and the environment it gets."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MAX_CPU_WORKERS = 8
_SECRET_ENDINGS = ("_API_KEY", "_TOKEN", "_SECRET")
_FIXED = {
    # Two threads per worker under load was twelve times slower than one.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}


def visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs a worker may be given, as `CUDA_VISIBLE_DEVICES` names them; empty on a CPU machine."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1"))
    if shutil.which("nvidia-smi") is None:
        return ()
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = [line for line in listing.stdout.splitlines() if line.startswith("GPU ")]
    return tuple(str(i) for i in range(len(lines))) if listing.returncode == 0 else ()


def usable_cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores this process may use: its affinity, cut to the container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        quota, period = quota_file.read_text().split()
    except (OSError, ValueError):
        return cores
    if quota == "max":
        return cores
    return max(1, min(cores, int(quota) // int(period)))


def plan_workers(asked: int | None, gpus: Sequence[str], cores: int) -> tuple[str | None, ...]:
    """Return the GPU of each worker, None for a CPU worker; `asked` overrides one per GPU or core."""
    if gpus:
        return tuple(gpus[i % len(gpus)] for i in range(asked or len(gpus)))
    return (None,) * (asked or min(cores, MAX_CPU_WORKERS))


def worker_environment(base: Mapping[str, str], gpu: str | None, key_name: str | None = None) -> dict[str, str]:
    """Return a worker's environment: single-threaded, silent, with its own GPU and without any key but `key_name`'s."""
    kept = {n: value for n, value in base.items() if n == key_name or not n.upper().endswith(_SECRET_ENDINGS)}
    kept.update(_FIXED)
    if gpu is not None:
        kept["CUDA_VISIBLE_DEVICES"] = gpu
    return kept
