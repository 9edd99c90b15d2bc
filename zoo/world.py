"""One process or many, started by ``torchrun``: the few collective calls that a run needs."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from .api import UsageError, ZooError

# Building a large store keeps the other processes waiting.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class World:
    """This process among those that train one model: its number, how many there are, its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, value: Any) -> Any:
        """Broadcast: returns rank 0's value in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in the order of ranks."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        dist.all_gather_object(box, value)
        return box

    def any(self, flag: bool) -> bool:
        return any(self.gather(flag))

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over ranks."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average over ranks the gradients of parameters that are in no DistributedDataParallel;
        a missing gradient counts as 0."""
        if self.size > 1:
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def align_parameters(self, module: nn.Module) -> None:
        """Copy rank 0's parameters to every process."""
        if self.size > 1:
            for parameter in module.parameters():
                dist.broadcast(parameter.detach(), src=0)

    def align_buffers(self, module: nn.Module) -> None:
        """Copy rank 0's buffers to every process; plugins may fill them differently in each."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """Rank 0 runs the block before the others, which then find its files.

        A :class:`ZooError` of one process is raised in all, so that none waits for a process that
        has ended.
        """
        if not self.first:
            self._fail_together(None)
        failure: ZooError | None = None
        try:
            yield
        except ZooError as error:
            failure = error
        if self.first:
            self._fail_together(failure)
        self._fail_together(failure)

    def _fail_together(self, failure: ZooError | None) -> None:
        failures = [each for each in self.gather(failure) if each is not None]
        if failures:
            raise failure or failures[0]


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """The world of this process: alone, or as ``torchrun`` says in the environment.

    A block inside another one uses the same process group: if the processes left it and joined a
    new one, they would race, one of them still leaving while the next connects. Raises
    :class:`UsageError` for a device that this machine lacks: there is no silent fallback.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    chosen = pick_device(device, int(os.environ.get("LOCAL_RANK", "0")), local_size)
    if size == 1:
        yield World(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if dist.is_initialized():
        yield World(rank, size, chosen)
        return
    # DDP imports this module, whose functions have the current process group as a default argument.
    # If there is a group at the import, it and gloo's threads live until the process ends, and then
    # a thread that waits for the interpreter aborts the process (pytorch/pytorch#190489). So the
    # module is imported before there is a group.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        found: tuple[int, int] = (dist.get_rank(), dist.get_world_size())
        if found != (rank, size):
            raise UsageError(
                f"torchrun announced process {rank} of {size}, torch.distributed found {found}"
            )
        yield World(rank, size, chosen)
    finally:
        dist.destroy_process_group()


def pick_device(name: str, local_rank: int = 0, processes: int = 1) -> torch.device:
    """``name``, or the best that is there: cuda, then mps, then cpu.

    ``cuda`` gives each of this machine's ``processes`` a device of its own.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if not name:
        name = "cuda" if cuda else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name}: expected cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and not cuda:
        raise UsageError(f"--device {name}: torch sees no CUDA device here; --device cpu is slower")
    if device.type == "mps" and not mps:
        raise UsageError(f"--device {name}: torch sees no MPS device here; --device cpu is slower")
    if device.type != "cuda":
        return device
    # the same answer in every process, so that the first can speak for all
    count, last = torch.cuda.device_count(), processes - 1 if name == "cuda" else device.index
    if last >= count:
        raise UsageError(
            f"--device {name}: {processes} process(es) here, {count} CUDA device(s); "
            "each process needs its own"
        )
    return torch.device("cuda", local_rank) if name == "cuda" else device
