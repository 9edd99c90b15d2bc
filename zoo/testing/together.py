"""Two processes that train one small model, as `torchrun` would start them.

DistributedDataParallel waits for the gradient of every parameter, in every process and every step.
What a backbone leaves out at random, or by what it sees, shows only there.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.registry.entries import Entry
from zoo.registry.trial import Trial, asked, reason_of

PROCESSES = 2
STEPS = 4
"""Each but the first waits for the gradients of the one before."""


def trained_together(entry: Entry, options: Mapping[str, Any], size: int, timeout: float) -> str:
    """Why two processes cannot train a backbone with the linear head, at ``size`` pixels; empty:
    they can. ``timeout`` is in seconds."""
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as name:
        folder, running = Path(name), list[Trial]()
        try:
            for rank in range(PROCESSES):
                asks = {"rank": rank, "meet": str(folder / "meet"), "options": dict(options)}
                told = replace(entry, reason=json.dumps(asks | {"size": size, "wait": timeout}))
                running.append(Trial(__name__, told, timeout, folder / str(rank)))
            while running and not any(found):  # one that has failed lets the other wait in vain
                for trial in [each for each in running if each.over()]:
                    running.remove(trial)
                    report, failure = trial.outcome()
                    found.append(failure or report[0])
                time.sleep(0.02)
        finally:
            for trial in running:
                trial.end()
    return next(filter(None, found), "")


def in_child() -> None:
    """Train; report why that failed, or nothing."""
    with asked() as (entry, report):
        try:
            _train(entry, **json.loads(entry.reason))
        except BaseException as error:
            report.append(reason_of(error))
        else:
            report.append("")


def _train(
    entry: Entry, rank: int, meet: str, options: dict[str, Any], size: int, wait: float
) -> None:
    from datetime import timedelta

    import torch
    import torch.distributed as dist
    from torch import nn

    from zoo.api import IBUG68
    from zoo.model import ModelPlan, build_model
    from zoo.registry import registry
    from zoo.testing.faces import four_faces, point_loss
    from zoo.training.loss import Criterion, training_loss
    from zoo.training.rehearsal import rehearse

    torch.manual_seed(0)
    torch.set_num_threads(1)
    plan = ModelPlan.of(entry.qualified, backbone_options=options, input_size=size)
    built = build_model(plan, IBUG68)
    model = built.model.train()
    loss = registry("loss").resolve("landmark-zoo/smooth_l1")
    criterion = Criterion(plan.head.entry, loss.entry, point_loss)
    found = rehearse(model, criterion, len(IBUG68), built.input_size)
    model.leave_out(found.idle)
    dist.init_process_group(
        "gloo",
        init_method=Path(meet).as_uri(),
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(seconds=wait),
    )
    together = nn.parallel.DistributedDataParallel(model)
    images, points = four_faces(built.input_size)
    own = slice(2 * rank, 2 * rank + 2)
    visible = torch.ones(2, len(IBUG68), dtype=torch.bool)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    torch.manual_seed(rank)  # as in training, where each process draws numbers of its own
    for _ in range(STEPS):
        cost = training_loss(model.head, together(images[own]), points[own], visible, point_loss)
        optimizer.zero_grad()
        torch.autograd.backward(cost)
        optimizer.step()
