"""Questions that only a loaded library answers, each asked in a process of its own.

``ask("torch")`` runs :func:`torch` in a child process and returns its result, which is JSON, or why
there is none: the library's exception, or the way in which the child ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo.registry.trial import how_it_ended

TIMEOUT = 180.0
"""Seconds: importing PyTorch from a cold network disk takes a third of that."""

# As in zoo.registry.trial: the child gets its parent's path before it imports the zoo, and takes no
# stray module of the working directory.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from zoo.doctor import probes; probes.answer(sys.argv[2], sys.argv[3])"
)


def ask(question: str, timeout: float = TIMEOUT) -> tuple[dict[str, Any], str]:
    """The answer and "", or an empty answer and the reason in one line."""
    with tempfile.TemporaryDirectory(prefix="zoo-doctor-") as folder:
        report = Path(folder) / "answer.json"
        arguments = (json.dumps(sys.path), question, str(report))
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _CHILD, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}, f"still loading after {timeout:g} s"
        try:
            answer: dict[str, Any] = json.loads(report.read_text("utf-8"))
        except (OSError, ValueError):
            return {}, f"loading it ended the process ({how_it_ended(done.returncode)})"
    failed = answer.pop("failed", "")
    return ({}, str(failed)) if failed else (answer, "")


def answer(question: str, report: str) -> None:
    """Called in the child: write what a question's function returns, or what it raised, to a
    file."""
    from zoo.registry.entries import one_line

    warnings.simplefilter("ignore")
    functions = {each.__name__: each for each in (torch, torchvision, timm, cv2, built_ins)}
    try:
        result: dict[str, Any] = functions[question]()
    except BaseException as error:
        result = {"failed": one_line(error)}
    Path(report).write_text(json.dumps(result), "utf-8")
    os._exit(0)  # some libraries crash when Python exits, which does not matter here


def torch() -> dict[str, Any]:
    """PyTorch's devices and threads and, if it has no GPU, the reason."""
    import torch

    cuda = torch.cuda.is_available()
    devices = []
    for index in range(torch.cuda.device_count() if cuda else 0):
        properties = torch.cuda.get_device_properties(index)
        devices.append({"name": properties.name, "memory": properties.total_memory})
    return {
        "cuda_build": torch.version.cuda or getattr(torch.version, "hip", None) or "",
        "devices": devices,
        "refusal": "" if cuda else _refusal(torch),
        "mps_built": torch.backends.mps.is_built(),
        "mps": torch.backends.mps.is_available(),
        "threads": torch.get_num_threads(),
        "sum": float(torch.ones(2, 2).matmul(torch.ones(2, 2)).sum()),
    }


def _refusal(torch: Any) -> str:
    """Why there is no CUDA, in PyTorch's own words."""
    from zoo.registry.entries import one_line

    try:
        torch.cuda.init()
    except Exception as error:
        return one_line(error)
    return "PyTorch counts no CUDA device"


def torchvision() -> dict[str, Any]:
    """Run a compiled operator: those break if torchvision and PyTorch do not fit each other."""
    import torch
    import torchvision

    kept = torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    return {"kept": len(kept)}


def timm() -> dict[str, Any]:
    import timm

    return {"models": len(timm.list_models())}


def cv2() -> dict[str, Any]:
    """OpenCV, its cascades, and whether a video that it wrote can be read."""
    import cv2

    folder = Path(getattr(getattr(cv2, "data", None), "haarcascades", ""))
    cascades = {}
    for name in ("haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"):
        path = folder / name
        cascades[name] = path.is_file() and not cv2.CascadeClassifier(str(path)).empty()
    return {
        "version": cv2.__version__,
        "cascades": cascades,
        "video": {kind: _round_trip(kind) for kind in ("mp4v .mp4", "MJPG .avi")},
    }


def _round_trip(kind: str) -> bool:
    """Whether three frames that are written as a video can be read back."""
    import cv2
    import numpy as np

    from zoo.api import DataError
    from zoo.videos import VideoFile, quiet

    code, suffix = kind.split()
    with tempfile.TemporaryDirectory(prefix="zoo-doctor-") as folder:
        file = Path(folder).absolute() / f"video{suffix}"
        with quiet():
            writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*code), 10.0, (64, 64))
            for level in (40, 120, 200):
                writer.write(np.full((64, 64, 3), level, np.uint8))
            writer.release()
        try:
            video = VideoFile(file)
        except DataError:
            return False
        read = 0
        while video.read() is not None:
            read += 1
        video.close()
    return read == 3


def built_ins() -> dict[str, Any]:
    """Load all plugins of the zoo's own distribution. One process will do: they import the same."""
    from zoo.registry.entries import OURS, UNUSABLE, installed, normal
    from zoo.registry.lookup import load
    from zoo.registry.trial import reason_of

    broken = []
    count = 0
    for entry in installed():
        if normal(entry.distribution) != normal(OURS) or entry.status in UNUSABLE:
            continue
        count += 1
        try:
            load(entry)
        except BaseException as error:
            broken.append({**asdict(entry), "reason": reason_of(error)})
    return {"count": count, "broken": broken}
