"""How PyTorch's threads share the processors: `import zoo` sets it, before PyTorch is loaded.

OpenMP's threads spin while they wait for each other: they keep their processors busy. Beside one
other busy process, a training step then takes a hundred times as long, since the spinning threads
occupy the processor that the last thread needs. So ``OMP_WAIT_POLICY`` makes them sleep instead.
Where a container has a share of the processors, ``OMP_NUM_THREADS`` allows only as many threads as
it may run at once. If a user has set one of these variables, or one with the same meaning, it is
left alone. PyTorch reads the variables once, when it is loaded.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables of OpenMP, GCC's library and LLVM's: any of them says how threads wait."""

COUNT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def settle() -> dict[str, str]:
    """Set the variables that nobody has set; returns those. Sets none if PyTorch is already loaded,
    since it would not read them.

    The processes that this one starts inherit them.
    """
    chosen: dict[str, str] = {}
    if "torch" not in sys.modules:
        if not any(name in os.environ for name in WAITING):
            chosen["OMP_WAIT_POLICY"] = "PASSIVE"
        if not any(name in os.environ for name in COUNT) and usable_cores() < _affinity():
            chosen["OMP_NUM_THREADS"] = str(usable_cores())
    os.environ.update(chosen)
    return chosen


def waiting() -> str:
    """How threads wait, as the variables of this process say it."""
    said = [f"{name}={os.environ[name]}" for name in WAITING if name in os.environ]
    return ", ".join(said) or "as the library likes"


def advice(count: int) -> str:
    """Why the ``count`` threads of this process may hold each other up; empty where they do not."""
    if count < 2 or not LATE or any(name in os.environ for name in WAITING):
        return ""
    return (
        "torch was imported before zoo, so its threads keep their processors busy while they wait: "
        "beside other work a step may take a hundred times as long. Import zoo first, or set "
        "OMP_WAIT_POLICY=PASSIVE before Python starts"
    )


def usable_cores(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int:
    """Processors that this process may use at once; a container's share counts."""
    return max(1, min(_affinity(), round(min(_quota(root, own), 2**20))))


def at_once() -> int:
    """How many pictures or videos are decoded at the same time; each may take a lot of memory."""
    return min(8, usable_cores())


def _affinity() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _quota(root: str, own: str) -> float:
    """The smallest quota of this process's control groups, in processors; infinite without one.
    Both versions of control groups are read, for the process's own groups and those above them."""
    groups = {""}
    for line in _read(own).splitlines():
        path = line.rpartition(":")[2].strip("/")
        while path:
            groups.add(path)
            path = path.rpartition("/")[0]
    shares = [math.inf]
    for group in groups:
        v2 = os.path.join(root, group)
        v1 = os.path.join(root, "cpu", group)
        period = _read(os.path.join(v1, "cpu.cfs_period_us"))
        for text in (
            _read(os.path.join(v2, "cpu.max")),
            f"{_read(os.path.join(v1, 'cpu.cfs_quota_us')).strip()} {period}",
        ):
            with contextlib.suppress(ValueError, ZeroDivisionError):  # "max", or no such file
                share, each = map(int, text.split())
                if share > 0:
                    shares.append(share / each)
    return min(shares)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096)
    except (OSError, ValueError):
        return ""


CHOSEN = settle()
"""The variables that this process set, with their values."""

LATE = "torch" in sys.modules
"""Whether PyTorch was loaded before this module, and so has already read the variables."""
