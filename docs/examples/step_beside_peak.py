"""Compare the time of a training step with that of its multiplications at full speed.

    OMP_NUM_THREADS=1 python docs/examples/step_beside_peak.py

A step is forward, backward and optimiser on one batch of 32 pictures, which is made beforehand.
Full speed is the speed of a product of two matrices of 1024 x 1024. Both are measured in turns.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from zoo.api import IBUG68
from zoo.config.recipes import resolve
from zoo.model import build_model
from zoo.training.plan import make_plan

TURNS, PRODUCTS, SIDE = 9, 8, 1024


def main() -> None:
    config = resolve("timm:mobilenetv4_conv_small", "quick", flags={"dataset": "synthetic"})
    size = config.input_size or 112
    network = build_model(make_plan(config).model, IBUG68).model.train()
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    images = torch.rand(32, 3, size, size).to(memory_format=torch.channels_last)

    def step() -> None:
        optimizer.zero_grad()
        outputs = network(images).values()
        sum(each.square().mean() for each in outputs if each.requires_grad).backward()
        optimizer.step()

    matrix = torch.randn(SIDE, SIDE)
    with FlopCounterMode(display=False) as counter:
        step()
    taken, ideal = [], []
    for _ in range(TURNS):
        started = time.perf_counter()
        step()
        between = time.perf_counter()
        for _ in range(PRODUCTS):
            matrix @ matrix
        product = (time.perf_counter() - between) / PRODUCTS
        taken.append(between - started)
        ideal.append(counter.get_total_flops() * product / (2 * SIDE**3))
    ratio = statistics.median(t / i for t, i in zip(taken, ideal, strict=True))
    print(
        f"{counter.get_total_flops() / 1e9:.0f} GFLOP a step of {size} px: "
        f"{1e3 * statistics.median(taken):.0f} ms, at full speed "
        f"{1e3 * statistics.median(ideal):.0f} ms; ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    main()
