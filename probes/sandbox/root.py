"""The file system that sandboxed code sees, built inside its mount namespace.

The host is not there, but for the folders asked for, read-only: the Python that runs the code and the system's
libraries. There is no /proc, no /sys, no home. What may be written is one small file system in memory, /tmp.
Uses the standard library only, because the jailer starts without site packages.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from probes.sandbox.system_calls import (
    NODEV,
    NOEXEC,
    NOSUID,
    bind_read_only,
    detach,
    make_mounts_private,
    make_read_only,
    mount_memory,
    pivot_root,
)

WORK, HOME, CODE = "/tmp/work", "/tmp/home", "/tmp/code"

_DEVICES = ("null", "zero", "full", "random", "urandom")
_OLD, _NEW = "/old", "/new"
_NAMESPACE_KINDS = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")


def enter_root(visible: Sequence[str], disk_mib: int, files: int) -> None:
    """Replace this process's file system by a bare one that shows `visible` and a writable /tmp."""
    real = {path: os.path.realpath(path) for path in visible}
    links = {path: str(Path(path).readlink()) for path in visible if Path(path).is_symlink()}
    make_mounts_private()
    # A place to build in: the first root holds only the old one and the new one, so that nothing asked for is hidden.
    mount_memory("/tmp", NOSUID | NODEV, "size=1m,nr_inodes=64,mode=755")
    for name in (_OLD, _NEW):
        Path(f"/tmp{name}").mkdir()
    pivot_root("/tmp", f"/tmp{_OLD}")
    os.chdir("/")
    mount_memory(_NEW, NOSUID | NODEV, "size=1m,nr_inodes=1024,mode=755")
    _show(real, links)
    _show_devices()
    _forbid_namespaces()
    (Path(_NEW) / "tmp").mkdir()
    mount_memory(f"{_NEW}/tmp", NOSUID | NODEV | NOEXEC, f"size={disk_mib}m,nr_inodes={files},mode=1777")
    make_read_only(_NEW)
    os.chdir(_NEW)
    pivot_root(".", ".")
    detach(".")
    os.chdir("/")


def write_files(folder: str, files: Mapping[str, str], owner: int | None) -> None:
    """Make `folder` with `files` in it, for `owner` where one is given."""
    root = Path(folder)
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    if owner is not None:
        for path in (root, *root.rglob("*")):
            os.chown(path, owner, owner)


def _show(real: Mapping[str, str], links: Mapping[str, str]) -> None:
    shown: list[str] = []
    for path in sorted(real):
        target = f"{_NEW}{path}"
        source = f"{_OLD}{real[path]}"
        if any(path.startswith(f"{above}/") for above in shown) or not Path(source).exists():
            continue
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        if path in links and real[path] in real:
            Path(target).symlink_to(links[path])
            continue
        _place_for(source, target)
        bind_read_only(source, target)
        shown.append(path)


def _place_for(source: str, target: str) -> None:
    if Path(source).is_dir():
        Path(target).mkdir(exist_ok=True)
    else:
        Path(target).touch()


def _show_devices() -> None:
    devices = Path(_NEW) / "dev"
    devices.mkdir()
    for name in _DEVICES:
        _place_for(f"{_OLD}/dev/{name}", str(devices / name))
        bind_read_only(f"{_OLD}/dev/{name}", str(devices / name))
    (devices / "shm").symlink_to("/tmp")


def _forbid_namespaces() -> None:
    """Let nothing in here make namespaces of its own, which is where kernel faults are looked for."""
    for kind in _NAMESPACE_KINDS:
        # Depth only: in some containers these settings are read-only, and a namespace in here reaches nothing else.
        with contextlib.suppress(OSError):
            Path(f"{_OLD}/proc/sys/user/max_{kind}_namespaces").write_text("0")
