"""Importing a plugin in a fresh process: whether it works, and what global state it changes.

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

from zoo.api.kinds import KINDS
from zoo.registry.entries import Entry
from zoo.registry.errors import failed
from zoo.registry.trial import Trial, child_report, reason_of

TORCH_FIRST = "torch first"
"""``reason`` of an entry before which the child imports torch."""


@dataclass(frozen=True)
class Arrival:
    """How the first import of a plugin's module went."""

    failure: str = ""
    """Why it could not be imported; empty: it could."""
    touched: tuple[str, ...] = ()
    """What the import changed, in words."""


def arrival(entry: Entry, timeout: float) -> Arrival:
    """Import the module of an entry in a child process; ``timeout`` is in seconds.

    The result is cached for all plugins of the module: they are often checked together, and a child
    that imports torch takes seconds. A change of torch's state is found only if torch was imported
    first. Plugins of some kinds usually do not need torch: for those it is imported first only if
    the plugin turns out to import it.
    """
    module = entry.target.partition(":")[0]
    of_module = replace(entry, id="", kind="", target=f"{module}:", status="not loaded", reason="")
    path = tuple(sys.path)
    if not KINDS[entry.kind].brings_torch:
        result, brings_torch = _arrival(of_module, timeout, path)
        if not brings_torch:
            return result
    return _arrival(replace(of_module, reason=TORCH_FIRST), timeout, path)[0]


@functools.cache
def _arrival(entry: Entry, timeout: float, path: tuple[str, ...]) -> tuple[Arrival, bool]:
    """The arrival, and whether torch is imported after it."""
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        trial = Trial(__name__, entry, timeout, Path(folder) / "report")
        try:
            while not trial.over():
                time.sleep(0.02)
            report, failure = trial.outcome()
        finally:
            trial.end()
    if report is None:
        return Arrival(failure), False
    failure, brings_torch, *touched = report
    return Arrival(failure, tuple(touched)), brings_torch


def in_child() -> None:
    """Import the entry's module; report why that failed, or an empty text, whether torch was
    imported with it, and what changed."""
    with child_report() as (entry, report):
        if entry.reason == TORCH_FIRST:
            importlib.import_module("torch")
        before = _state()
        failure = ""
        try:
            importlib.import_module(entry.target.partition(":")[0])
        except BaseException as error:
            failure = reason_of(failed(entry, "cannot be imported", error))
        after = _state()
        report += [failure, "torch" in sys.modules]
        report += [
            f"{n} {text}" for n, (text, v) in after.items() if n in before and v != before[n][1]
        ]


def _state() -> dict[str, tuple[str, Any]]:
    """The global state that all plugins share, by name: what to say if it changed, and its value.

    That of torch is left out if torch is not imported.
    """
    import random

    import cv2
    import numpy as np

    drawn = "was seeded or drawn from"
    values: dict[str, tuple[str, Callable[[], Any]]] = {
        "Python's random": (drawn, random.getstate),
        "numpy's global RNG": (drawn, lambda: repr(np.random.get_state(legacy=False))),
        "OpenCV's number of threads": ("is now {}", cv2.getNumThreads),
    }
    if torch := sys.modules.get("torch"):
        values |= {
            "torch's global RNG": (drawn, lambda: torch.get_rng_state().tolist()),
            "torch's default dtype": ("is now {}", torch.get_default_dtype),
            "torch's number of threads": ("is now {}", torch.get_num_threads),
            "torch's number of inter-op threads": ("is now {}", torch.get_num_interop_threads),
            "torch's gradient mode": ("is now {}", torch.is_grad_enabled),
        }
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        read = functools.partial(os.environ.get, name)
        values[f"the environment variable {name}"] = ("is now {}", read)
    return {name: (text.format(value := read()), value) for name, (text, read) in values.items()}
