"""Importing a plugin in a fresh process: what becomes of it, and what it changes for everybody.

A plugin may hang, exit or crash while it is imported. So its first import happens in a child with a
time limit, and this process imports it only after that went well.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.diagnosis import failed
from zoo.installed import Entry
from zoo.isolation import Trial, asked, reason_of


@dataclass(frozen=True)
class Arrival:
    """How the first import of a plugin's module went."""

    failure: str = ""
    """Why it could not be imported; empty: it could."""
    touched: tuple[str, ...] = ()
    """What the import changed, in words."""


def arrival(entry: Entry, timeout: float) -> Arrival:
    """Import the module of an entry in a child process; ``timeout`` is in seconds.

    Known for the rest of this process, for all plugins of the module: they are often checked
    together, and a child that imports torch takes seconds.
    """
    module = entry.target.partition(":")[0]
    whole = replace(entry, id="", target=f"{module}:", status="not loaded", reason="")
    return _arrival(whole, timeout, tuple(sys.path))


@functools.cache
def _arrival(entry: Entry, timeout: float, path: tuple[str, ...]) -> Arrival:
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        trial = Trial(__name__, entry, timeout, Path(folder) / "report")
        try:
            while not trial.over():
                time.sleep(0.02)
            report, failure = trial.outcome()
        finally:
            trial.end()
    if report is None:
        return Arrival(failure)
    return Arrival(report[0], tuple(report[1:]))


def in_child() -> None:
    """Import the entry's module; report why that failed, or nothing, and what it changed."""
    before = _state()
    with asked() as (entry, report):
        failure = ""
        try:
            importlib.import_module(entry.target.partition(":")[0])
        except BaseException as error:
            failure = reason_of(failed(entry, "cannot be imported", error))
        after = _state()
        report.append(failure)
        for name, (told, value) in after.items():
            if value != before[name][1]:
                report.append(f"{name} {told}")


def _state() -> dict[str, tuple[str, Any]]:
    """What every plugin of a process shares: name, what to say if it changed, and its value."""
    import random

    import cv2
    import numpy as np
    import torch

    drawn = "was seeded or drawn from"
    values: dict[str, tuple[str, Callable[[], Any]]] = {
        "Python's random": (drawn, random.getstate),
        "numpy's global RNG": (drawn, lambda: repr(np.random.get_state(legacy=False))),
        "torch's global RNG": (drawn, lambda: torch.get_rng_state().tolist()),
        "torch's default dtype": ("is now {}", torch.get_default_dtype),
        "torch's number of threads": ("is now {}", torch.get_num_threads),
        "torch's number of inter-op threads": ("is now {}", torch.get_num_interop_threads),
        "OpenCV's number of threads": ("is now {}", cv2.getNumThreads),
        "torch's gradient mode": ("is now {}", torch.is_grad_enabled),
    } | {
        f"the environment variable {name}": ("is now {}", functools.partial(os.environ.get, name))
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    return {name: (told.format(value := read()), value) for name, (told, read) in values.items()}
