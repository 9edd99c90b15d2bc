"""What comes to the device of a batch; nothing here waits for a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def send(values: Tensor, device: torch.device) -> Tensor:
    """Small sums are done on the CPU, where the draws are: starting a kernel takes a GPU longer
    than the sum. The copy is queued behind the kernels before it, and nothing waits: a GPU reads
    pinned memory by itself, where other memory is copied by a CPU that waits for its turn."""
    if device.type == "cuda" and values.device.type == "cpu" and not values.is_pinned():
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


@lru_cache
def constant(
    values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Put a list on the device once: making a tensor there from a list waits for the device."""
    return torch.tensor(values, device=device, dtype=dtype)


def ahead(jobs: Iterable[Callable[[], T]], device: torch.device, streams: bool) -> Iterator[T]:
    """The results of jobs that bring tensors to a device, in their order.

    With ``streams``, of frames that do not live on the device, one job is done while the result of
    the one before is worked with: by a thread and, on a GPU, in a stream of its own.
    """
    if not streams:
        for job in jobs:
            yield job()
        return
    beside = _stream(device) if device.type == "cuda" else None
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for job in jobs:
            following = pool.submit(_brought, job, beside)
            if waiting is not None:
                yield _taken_over(*waiting.result(), device)
            waiting = following
        if waiting is not None:
            yield _taken_over(*waiting.result(), device)


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _brought(job: Callable[[], T], stream: torch.cuda.Stream | None) -> tuple[T, Any]:
    """A result and, on a GPU, the event that its copies are done."""
    if stream is None:
        return job(), None
    with torch.cuda.stream(stream):
        result = job()
        return result, stream.record_event()


def _taken_over(result: T, event: Any, device: torch.device) -> T:
    """A result for the stream of this thread: work that is queued from here on waits for its
    copies, and their memory is given to nothing else before that work is done."""
    if event is not None:
        here = torch.cuda.current_stream(device)
        here.wait_event(event)
        for tensor in _tensors(result):
            tensor.record_stream(here)
    return result


def _tensors(result: object) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        if result.device.type == "cuda":
            yield result
    elif isinstance(result, list | tuple):
        for each in result:
            yield from _tensors(each)
