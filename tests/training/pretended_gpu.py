"""A GPU for machines without one: tensors on ``cuda:0`` have shapes and no numbers, tensors on the
CPU are real, and whatever makes a program wait for its GPU is written down.

Within :func:`pretend` the CPU works as ever; an operation on tensors of ``cuda:0`` is worked out by
torch's FakeTensorMode, which refuses a tensor of another device as a GPU would. Autograd's way back
is not to be had so: its engine asks CUDA itself.
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

ASKING = {
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::unique_dim",
    "aten::_unique2",
}
"""Operations whose answer the CPU needs before it can go on: a number, or how long a result is."""


class Waits(TorchDispatchMode):
    """Writes down what waits for the device of tensors."""

    def __init__(self, device: torch.device = GPU) -> None:
        super().__init__()
        self.device = device
        self.waits: list[str] = []
        self.kernels = 0

    def there(self, values: Sequence[Any]) -> bool:
        return any(isinstance(v, Tensor) and v.device.type == self.device.type for v in values)

    def note(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.kernels += 1
        masks = name in ("aten::index", "aten::index_put_", "aten::_index_put_impl_") and any(
            isinstance(v, Tensor) and v.dtype in (torch.bool, torch.uint8)
            for v in tree_leaves(args[1])
        )
        if name in ASKING or masks:
            self.waits.append(name)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if self.there(tree_leaves((args, kwargs))):
            self.note(func.name().partition(".")[0], args, kwargs or {})
        return func(*args, **(kwargs or {}))


class Pretended(Waits):
    """The mode within :func:`pretend`, under which FakeTensorMode works out ``cuda:0``."""

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
        wanted = kwargs.get("device")
        if not any(isinstance(v, FakeTensor) for v in leaves):
            if wanted is None or torch.device(wanted).type == "cpu":
                with unset_fake_temporarily():
                    return func(*args, **kwargs)
            return self._made(name, func, args, kwargs)
        self.note(name, args, kwargs)
        if name == "aten::_to_copy" and wanted is not None and torch.device(wanted).type == "cpu":
            self.waits.append(f"{name} to the CPU")
            with unset_fake_temporarily():
                return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if name == "aten::_local_scalar_dense":
            return 0
        if name == "aten::copy_" and not isinstance(args[1], FakeTensor):
            self._brought(name, args[1], args[2:] == (True,))
        return func(*args, **kwargs)

    def _made(self, name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A tensor that is new on ``cuda:0``."""
        self.kernels += 1
        if name == "aten::_to_copy":
            self._brought(name, args[0], bool(kwargs.get("non_blocking")))
        return func(*args, **kwargs)

    def _brought(self, name: str, source: Tensor, queued: bool) -> None:
        if not queued or all(source is not one for one in self.pinned):
            self.waits.append(f"{name} of {tuple(source.shape)} from the CPU")

    def pin(self, tensor: Tensor) -> Tensor:
        self.pinned.append(tensor)
        return tensor


@contextmanager
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretended]:
    """A ``cuda:0`` that tensors can be brought to, and what is waited for."""
    from zoo import device
    from zoo.data import degrade

    cached: list[Any] = [device.constant, degrade._constants]
    pretended = Pretended()
    with monkeypatch.context() as patch:
        patch.setattr(Tensor, "pin_memory", lambda tensor: pretended.pin(tensor))
        for each in cached:
            each.cache_clear()
        try:
            with FakeTensorMode(allow_non_fake_inputs=True), pretended:
                yield pretended
        finally:
            for each in cached:
                each.cache_clear()


def bring(module: nn.Module) -> nn.Module:
    """A module with its parameters and buffers on ``cuda:0``: what ``to`` does there cannot be done
    with tensors that have no numbers."""
    for each in module.modules():
        for name, parameter in each._parameters.items():
            if parameter is not None:
                moved = parameter.detach().to(GPU)
                each._parameters[name] = nn.Parameter(moved, parameter.requires_grad)
        for name, buffer in each._buffers.items():
            if buffer is not None:
                each._buffers[name] = buffer.to(GPU)
    return module


def twice(pretended: Waits, work: Callable[[], object]) -> list[str]:
    """What the second time waits for: in the first one constants come to the device."""
    work()
    pretended.waits.clear()
    work()
    return list(pretended.waits)
