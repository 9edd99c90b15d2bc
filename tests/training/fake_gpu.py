"""A fake GPU for machines without one. Tensors on ``cuda:0`` have shapes but no numbers; tensors on
the CPU are real. Every operation that makes a program wait for its GPU is recorded.

Within :func:`fake_gpu`, the CPU works as usual. Operations on tensors of ``cuda:0`` go to torch's
FakeTensorMode, which refuses a tensor of another device as a GPU would. A backward pass cannot be
faked: autograd's engine calls CUDA itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda", 0)

SYNCHRONISING = {
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::unique_dim",
    "aten::_unique2",
}
"""Operations whose result the CPU must know before it can go on: a number, or a length."""


class Waits(TorchDispatchMode):
    """Records the operations that make the CPU wait for ``device``."""

    def __init__(self, device: torch.device = GPU) -> None:
        super().__init__()
        self.device = device
        self.waits: list[str] = []
        self.kernels = 0

    def on_device(self, values: Sequence[Any]) -> bool:
        return any(isinstance(v, Tensor) and v.device.type == self.device.type for v in values)

    def note(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.kernels += 1
        masks = name in ("aten::index", "aten::index_put_", "aten::_index_put_impl_") and any(
            isinstance(v, Tensor) and v.dtype in (torch.bool, torch.uint8)
            for v in tree_leaves(args[1])
        )
        if name in SYNCHRONISING or masks:
            self.waits.append(name)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if self.on_device(tree_leaves((args, kwargs))):
            self.note(func.name().partition(".")[0], args, kwargs or {})
        return func(*args, **(kwargs or {}))


class FakeGPU(Waits):
    """The mode within :func:`fake_gpu`, under which FakeTensorMode handles ``cuda:0``."""

    def __init__(self) -> None:
        super().__init__()
        self.pinned: list[Tensor] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func.name().partition(".")[0]
        leaves = tree_leaves((args, kwargs))
        target = kwargs.get("device")
        if not any(isinstance(v, FakeTensor) for v in leaves):
            if target is None or torch.device(target).type == "cpu":
                with unset_fake_temporarily():
                    return func(*args, **kwargs)
            return self._create(name, func, args, kwargs)
        self.note(name, args, kwargs)
        if name == "aten::_to_copy" and target is not None and torch.device(target).type == "cpu":
            self.waits.append(f"{name} to the CPU")
            with unset_fake_temporarily():
                return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if name == "aten::_local_scalar_dense":
            return 0
        if name == "aten::copy_" and not isinstance(args[1], FakeTensor):
            self._record_copy(name, args[1], args[2:] == (True,))
        return func(*args, **kwargs)

    def _create(self, name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Create a tensor on ``cuda:0``."""
        self.kernels += 1
        if name == "aten::_to_copy":
            self._record_copy(name, args[0], bool(kwargs.get("non_blocking")))
        return func(*args, **kwargs)

    def _record_copy(self, name: str, source: Tensor, non_blocking: bool) -> None:
        if not non_blocking or all(source is not tensor for tensor in self.pinned):
            self.waits.append(f"{name} of {tuple(source.shape)} from the CPU")

    def pin(self, tensor: Tensor) -> Tensor:
        self.pinned.append(tensor)
        return tensor


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGPU]:
    """A ``cuda:0`` that tensors can be moved to; yields the record of what waits for it."""
    from zoo import device
    from zoo.data import degrade

    cached: list[Any] = [device.constant, degrade._constants]
    gpu = FakeGPU()
    with monkeypatch.context() as patch:
        patch.setattr(Tensor, "pin_memory", lambda tensor: gpu.pin(tensor))
        for function in cached:
            function.cache_clear()
        try:
            with FakeTensorMode(allow_non_fake_inputs=True), gpu:
                yield gpu
        finally:
            for function in cached:
                function.cache_clear()


def move_to_gpu(module: nn.Module) -> nn.Module:
    """Move a module's parameters and buffers to ``cuda:0``. Its method ``to`` cannot do that with
    tensors that have no numbers."""
    for child in module.modules():
        for name, parameter in child._parameters.items():
            if parameter is not None:
                moved = parameter.detach().to(GPU)
                child._parameters[name] = nn.Parameter(moved, parameter.requires_grad)
        for name, buffer in child._buffers.items():
            if buffer is not None:
                child._buffers[name] = buffer.to(GPU)
    return module


def waits_of_second_call(gpu: Waits, work: Callable[[], object]) -> list[str]:
    """What the second call of ``work`` waits for; the first one moves constants to the device."""
    work()
    gpu.waits.clear()
    work()
    return list(gpu.waits)
