"""Faster training: matrix products and convolutions on a GPU, and ``torch.compile``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..config import Config
from ..device import autocast
from ..model import LandmarkModel
from ..registry.entries import one_line
from ..reporter import Reporter
from ..world import World

BACKEND = "inductor"
"""The compiler that ``torch.compile`` uses."""


@contextmanager
def fast_kernels(device: torch.device) -> Iterator[None]:
    """On a GPU, multiply float32 matrices in TF32 (10 bits of each factor's fraction, sums in
    float32), as torch does for convolutions by default, and let cuDNN choose its fastest
    convolution by trying all of them on the first batch of a shape. The settings before are
    restored at the end."""
    if device.type != "cuda":
        yield
        return
    precision, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = benchmark


def compile_parts(model: LandmarkModel, config: Config, world: World, reporter: Reporter) -> None:
    """Compile backbone and head, whose parameters keep their names, and try them on a batch of
    noise. If that fails, the model stays as it is, and a note says why."""
    if world.size > 1:
        reporter.note("--compile: goes on without it: several processes share their batch norms")
        return
    started, device = time.perf_counter(), world.device
    parts = (model.backbone, model.head)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for part in parts:
        part.compile(backend=BACKEND)
    try:
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            autocast(device, config.precision),
        ):
            shape = (config.batch_size, 3, config.input_size, config.input_size)
            output = model(torch.rand(shape, device=device))
        sums = [each.float().sum() for each in output.values() if each.requires_grad]
        torch.autograd.backward(sums)
    except Exception as error:  # compilers, and what they need, can fail in many ways
        for part in parts:
            part._compiled_call_impl = None
        reporter.note(f"--compile: goes on without it: {one_line(error)}")
    else:
        seconds = time.perf_counter() - started
        reporter.note(f"--compile: backbone and head are compiled ({seconds:.0f} s)")
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
