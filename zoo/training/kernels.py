"""What makes a training fast on the device that is there, and changes nothing elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..config import Config
from ..model import LandmarkModel
from ..registry.entries import one_line
from ..reporter import Reporter
from ..scoring.split import PRECISIONS
from ..world import World

BACKEND = "inductor"
"""The compiler that ``torch.compile`` uses."""


@contextmanager
def fast_kernels(device: torch.device) -> Iterator[None]:
    """On a GPU: products of float32 matrices by TF32 (10 bits of each factor's fraction, sums in
    float32), as torch itself chooses for convolutions, and the fastest of cuDNN's convolutions,
    which it finds by trying them on the first batch of a shape. Afterwards all is as before."""
    if device.type != "cuda":
        yield
        return
    precision, trying = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = trying


def compile_parts(model: LandmarkModel, config: Config, world: World, reporter: Reporter) -> None:
    """Compile backbone and head, whose parameters keep their names, and try them on a batch of
    noise. Where that fails the model stays as it is, and the reporter is told why."""
    if world.size > 1:
        reporter.note("--compile: goes on without it: several processes share their batch norms")
        return
    started, device = time.perf_counter(), world.device
    parts = (model.backbone, model.head)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for part in parts:
        part.compile(backend=BACKEND)
    try:
        mixed = torch.autocast(
            device.type, PRECISIONS[config.precision], config.precision != "fp32"
        )
        with torch.random.fork_rng([device] if device.type == "cuda" else []), mixed:
            shape = (config.batch_size, 3, config.input_size, config.input_size)
            output = model(torch.rand(shape, device=device))
        of_all = [each.float().sum() for each in output.values() if each.requires_grad]
        torch.autograd.backward(of_all)
    except Exception as error:  # whatever a compiler, or what it needs, can lack
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
