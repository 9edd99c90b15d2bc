"""Copying tensors to the device of a batch, without waiting for a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a network computes with a precision, a key of :data:`PRECISIONS`."""
    return torch.autocast(device.type, PRECISIONS[precision], precision != "fp32")


def send(values: Tensor, device: torch.device) -> Tensor:
    """Copy small values to the device without waiting for it.

    Small computations are done on the CPU, where random numbers are drawn: a GPU takes longer to
    start a kernel than to compute it. The copy is queued behind earlier kernels. The memory is
    pinned, because the GPU reads pinned memory by itself; other memory is copied by the CPU, which
    would wait for its turn.
    """
    if device.type == "cuda" and values.device.type == "cpu" and not values.is_pinned():
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


@lru_cache
def constant(
    values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """A tensor on the device, cached: making one there from a list waits for the device."""
    return torch.tensor(values, device=device, dtype=dtype)


def ahead(jobs: Iterable[Callable[[], T]], device: torch.device, streams: bool) -> Iterator[T]:
    """Run jobs that bring tensors to a device, and yield their results in order.

    With ``streams``, for frames that are not stored on the device, a thread runs the next job while
    the caller works with the result of the job before. On a GPU it uses a stream of its own.
    """
    if not streams:
        for job in jobs:
            yield job()
        return
    copy_stream = _stream(device) if device.type == "cuda" else None
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for job in jobs:
            upcoming = pool.submit(_run_job, job, copy_stream)
            if pending is not None:
                yield _hand_over(*pending.result(), device)
            pending = upcoming
        if pending is not None:
            yield _hand_over(*pending.result(), device)


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _run_job(job: Callable[[], T], stream: torch.cuda.Stream | None) -> tuple[T, Any]:
    """A result and, on a GPU, the event that marks the end of its copies."""
    if stream is None:
        return job(), None
    with torch.cuda.stream(stream):
        result = job()
        return result, stream.record_event()


def _hand_over(result: T, event: Any, device: torch.device) -> T:
    """Make a result safe for the stream of this thread: work that is queued from now on waits for
    its copies, and their memory is not reused before that work is done."""
    if event is not None:
        current = torch.cuda.current_stream(device)
        current.wait_event(event)
        for tensor in _tensors(result):
            tensor.record_stream(current)
    return result


def _tensors(result: object) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        if result.device.type == "cuda":
            yield result
    elif isinstance(result, list | tuple):
        for each in result:
            yield from _tensors(each)
