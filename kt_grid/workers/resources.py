"""The cores and the memory that this process may use, which may be less than the machine has.

A container or a batch job is told by control groups, of which Linux has two versions: one tree of
folders with `cpu.max` and `memory.max`, or a tree for each kind with other names. The limits of
all folders from a process's own up to the top hold for it.
"""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def cores() -> int:
    """Count the cores that this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quotas = [*_new_quotas(), *_old_quotas()]
    return max(1, min(allowed, *map(math.ceil, quotas))) if quotas else allowed


def memory() -> int | None:
    """Return the bytes of memory that this process may use; None if nothing tells."""
    limits = [
        *(_number(folder / "memory.max") for folder in _folders("")),
        *(_number(folder / "memory.limit_in_bytes") for folder in _folders("memory")),
    ]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((limit for limit in limits if limit is not None), default=None)


def _new_quotas() -> Iterator[float]:
    for folder in _folders(""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            yield int(quota) / int(period)


def _old_quotas() -> Iterator[float]:
    for folder in _folders("cpu"):
        quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota and period:
            yield quota / period


def _folders(kind: str) -> Iterator[Path]:
    """The folders of this process's group of a kind and of those above it; "" is the new tree's.

    In a container the top of the tree may be the process's own group, whatever it is called.
    """
    for line in _text(_GROUPS).splitlines():
        _, kinds, path = line.split(":", 2)
        if kind in kinds.split(","):
            own = Path(path.lstrip("/"))
            for folder in (own, *own.parents):
                yield _MOUNT / kind / folder


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
