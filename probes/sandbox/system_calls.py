"""Linux system calls that Python 3.11 does not wrap: namespaces, mounts, privileges.

Runs before anything untrusted does; uses the standard library only, because the jailer starts without site packages.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""Mounts, control groups, host name, IPC, users, process ids, network."""

NOSUID, NODEV, NOEXEC = 2, 4, 8
_READ_ONLY_ATTRIBUTE, _NOSUID_ATTRIBUTE = 1, 2
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR = 442  # the same number on every architecture, as for all calls since Linux 5.1
_AT_CURRENT_FOLDER, _AT_RECURSIVE = -100, 0x8000

_DEATH_SIGNAL, _SUBREAPER, _NO_NEW_PRIVILEGES, _DROP_BOUNDING = 1, 36, 38, 24
_CAPABILITY_VERSION = 0x20080522
_EINVAL = 22


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def unshare(flags: int) -> None:
    """Move this process, or its next child where process ids are meant, into new namespaces."""
    _checked(_libc().unshare(flags), "unshare")


def make_mounts_private() -> None:
    """Keep what is mounted from now on out of every other mount namespace."""
    _checked(_libc().mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None), "mount --make-rprivate /")


def mount_memory(target: str, flags: int, options: str) -> None:
    """Mount a file system in memory."""
    _checked(_libc().mount(b"tmpfs", target.encode(), b"tmpfs", flags, options.encode()), f"mount tmpfs on {target}")


def bind_read_only(source: str, target: str) -> None:
    """Show `source`, and what is mounted below it, at `target`, read-only and without set-user-id."""
    call = _libc().mount(os.fsencode(source), os.fsencode(target), None, _BIND | _RECURSIVE, None)
    _checked(call, f"bind {source}")
    make_read_only(target, recursive=True)


def make_read_only(target: str, recursive: bool = False) -> None:
    """Make a mount read-only, with the mounts below it if `recursive`."""
    attributes = _MountAttributes(_READ_ONLY_ATTRIBUTE | _NOSUID_ATTRIBUTE, 0, 0, 0)
    call = _libc().syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_CURRENT_FOLDER),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _checked(call, f"make {target} read-only")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root; the old root appears at `old`."""
    _checked(_libc().pivot_root(new.encode(), old.encode()), "pivot_root")


def detach(target: str) -> None:
    """Unmount `target` and all below it, even where in use."""
    _checked(_libc().umount2(target.encode(), _DETACH), f"umount {target}")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends."""
    _checked(_libc().prctl(_DEATH_SIGNAL, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _checked(_libc().prctl(_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def forbid_new_privileges() -> None:
    """No program started from here on gains privileges by being started."""
    _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def drop_capability_bounds() -> None:
    """Drop every capability from the bounding set; needs capabilities itself."""
    for capability in range(64):
        if _libc().prctl(_DROP_BOUNDING, capability, 0, 0, 0) != 0:
            if ctypes.get_errno() == _EINVAL and capability > 0:
                return
            _checked(-1, "prctl(PR_CAPBSET_DROP)")


def drop_capabilities() -> None:
    """Give up every capability for good."""
    header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
    nothing = (_CapabilityData * 2)()
    _checked(_libc().capset(ctypes.byref(header), ctypes.byref(nothing)), "capset")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)
