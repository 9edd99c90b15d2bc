"""Whether a network can be exported as `zoo export` does it, and its graph gives the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from zoo.api import WeightsError
from zoo.onnx_session import open_session
from zoo.prediction import graph
from zoo.prediction.onnx_file import IMAGES
from zoo.testing.failures import CheckFailed
from zoo.testing.tensors import seeded

BATCHES = (1, 2, 3)
"""Numbers of images; the graph is traced on another."""
OFF = 1e-3
"""Fraction of an output's largest value that two runtimes may be apart."""
MOST = 0.1
"""Share of an output's numbers that may be farther apart: rounding decides between two peaks."""


def require_export(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], side: int
) -> str | None:
    """Fails unless onnxruntime gives what the model gives, RGB (B, 3, S, S) in [0, 1] to a dict;
    ``shapes`` of what is wanted of it, for one face. Returns why that cannot be seen here."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        return f"onnx and onnxruntime are not installed ({error})"
    network = graph.CropsToPoints(model, shapes).eval()
    try:
        with seeded(0):
            content = graph.write(network, side)
    except Exception as error:
        raise CheckFailed(f"torch cannot write it as ONNX: {graph.reason(error)}") from error
    try:
        session = open_session(content, "its graph is ")
    except WeightsError as error:
        raise CheckFailed(str(error)) from error
    for count in BATCHES:
        if wrong := _wrong(network, session, count, side):
            held = graph.held_on(network, side)
            why = f"; it holds on to the size of the batch: {held}" if held else ""
            raise CheckFailed(f"its ONNX graph {wrong} for a batch of {count}{why}")
    return None


@torch.no_grad()
def _wrong(network: graph.CropsToPoints, session: Any, count: int, side: int) -> str:
    """What the graph does with this many images; empty where that is right."""
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)
    try:
        found = session.run(None, {IMAGES: images.numpy()})
    except Exception as error:
        return f"fails in onnxruntime ({graph.reason(error)[:200]})"
    for name, wanted, given in zip(network.names(images), network(images), found, strict=True):
        if tuple(given.shape) != tuple(wanted.shape):
            return f"gives {name} as {tuple(given.shape)}, not {tuple(wanted.shape)},"
        off = (torch.from_numpy(given) - wanted).abs() > OFF * float(wanted.abs().max())
        if float(off.float().mean()) > MOST:
            return f"gives another {name}"
    return ""
