"""The processes that descend from one, and the memory they hold."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""Whether the kernel lists a process's children; else all processes of the machine are looked through."""


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, those that left its session or group included."""
    if not _LISTS_CHILDREN:
        try:
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def private_memory(pids: list[int]) -> int:
    """Return the bytes that processes hold for themselves; pages still shared since a fork count for each."""
    total = 0
    for pid in pids:
        try:
            held = psutil.Process(pid).memory_info()
        except psutil.Error:  # it has ended
            continue
        total += max(0, held.rss - getattr(held, "shared", 0))
    return total


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except OSError:  # it has ended
        return found
    return found
