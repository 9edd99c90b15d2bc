"""Two processes that train one small model, as `torchrun` would start them.

DistributedDataParallel waits for the gradient of every parameter, in every process and every step.
A backbone that leaves parameters out, at random or depending on its input, fails only there.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.registry.entries import Entry
from zoo.registry.lookup import load
from zoo.registry.trial import Trial, child_report, reason_of

PROCESSES = 2
STEPS = 4
"""Each but the first waits for the gradients of the one before."""


def trained_together(entry: Entry, options: Mapping[str, Any], size: int, timeout: float) -> str:
    """Why two processes cannot train a backbone with the linear head, at ``size`` pixels; empty:
    they can. ``timeout`` is in seconds."""
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        settings = {"folder": folder, "options": dict(options), "size": size, "wait": timeout}
        trial = Trial(
            __name__, replace(entry, reason=json.dumps(settings)), timeout, Path(folder) / "report"
        )
        try:
            while not trial.over():
                time.sleep(0.02)
            report, failure = trial.outcome()
        finally:
            trial.end()
    return failure or str(report[0])


def in_child() -> None:
    """Train in two processes; report the reason of the first that failed, or nothing."""
    with child_report() as (entry, report):
        from multiprocessing import get_all_start_methods

        from torch.multiprocessing.spawn import start_processes

        from zoo.training import rehearsal  # noqa: F401 - forked processes have it already

        settings = json.loads(entry.reason)
        try:
            load(entry)
            method = "fork" if "fork" in get_all_start_methods() else "spawn"
            # a process that fails ends the other, which would wait for it in vain
            start_processes(  # type: ignore[no-untyped-call]
                _trained, (entry, settings), PROCESSES, start_method=method
            )
        except BaseException as error:
            reason = Path(settings["folder"], "reason")
            report.append(reason.read_text("utf-8") if reason.exists() else reason_of(error))
        else:
            report.append("")


def _trained(rank: int, entry: Entry, settings: Mapping[str, Any]) -> None:
    """Train; the first process that fails writes its reason to a file."""
    try:
        _train(entry, rank, **settings)
    except BaseException as error:
        reason = Path(settings["folder"], "reason")
        with contextlib.suppress(FileExistsError), reason.open("x") as file:
            file.write(reason_of(error))
        raise


def _train(
    entry: Entry, rank: int, folder: str, options: dict[str, Any], size: int, wait: float
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
    rehearsal = rehearse(model, criterion, len(IBUG68), built.input_size)
    model.leave_out(rehearsal.idle)
    dist.init_process_group(
        "gloo",
        init_method=Path(folder, "meet").as_uri(),
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(seconds=wait),
    )
    parallel = nn.parallel.DistributedDataParallel(model)
    images, points = four_faces(built.input_size)
    part = slice(2 * rank, 2 * rank + 2)
    visible = torch.ones(2, len(IBUG68), dtype=torch.bool)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    torch.manual_seed(rank)  # as in training, where each process draws numbers of its own
    for _ in range(STEPS):
        cost = training_loss(model.head, parallel(images[part]), points[part], visible, point_loss)
        optimizer.zero_grad()
        torch.autograd.backward(cost)
        optimizer.step()
