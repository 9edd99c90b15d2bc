"""Whether a network can be exported as by `zoo export`, and its graph gives the same outputs."""

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
"""Batch sizes to check; the graph is traced on another one."""
OFF = 1e-3
"""Fraction of an output's largest value by which two runtimes may differ."""
MOST = 0.1
"""Share of an output's numbers that may differ more, where rounding decides between two peaks."""


def require_export(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], side: int
) -> str | None:
    """Fails unless onnxruntime gives what the model gives. The model takes RGB (B, 3, S, S) in
    [0, 1] and gives a dict; ``shapes`` are those of its outputs to compare, for one face. Returns
    why this cannot be checked here, or None."""
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
    """What is wrong with the graph's outputs for this many images; empty: nothing."""
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)
    try:
        outputs = session.run(None, {IMAGES: images.numpy()})
    except Exception as error:
        return f"fails in onnxruntime ({graph.reason(error)[:200]})"
    for name, expected, actual in zip(network.names(images), network(images), outputs, strict=True):
        if tuple(actual.shape) != tuple(expected.shape):
            return f"gives {name} as {tuple(actual.shape)}, not {tuple(expected.shape)},"
        off = (torch.from_numpy(actual) - expected).abs() > OFF * float(expected.abs().max())
        if float(off.float().mean()) > MOST:
            return f"gives another {name}"
    return ""
