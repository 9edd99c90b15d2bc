"""How large a network may be: a few words of a configuration can describe one beyond any machine.

While a network is built and tried on one image, the size of every tensor is known before it is
made: torch's meta device runs the operation without memory. A network beyond the limit is refused,
whether it comes from someone else's record or from the user's own typing error.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from .api import UsageError
from .limits import GIB, how_to_raise, memory_limit

GMACS_PER_GIB = 250
"""Billions of multiply-adds that are allowed for each GiB of the limit, in all forward passes of
one image while a network is built: both its plugin and the core try it."""
LEAST = 512 << 10
"""Bytes that a parameter counts at least: a million small ones take long to make, too."""
PIXEL = 512
"""Bytes that a pixel of the input counts: its activations in a network's first layers."""
_SMALL = 1 << 20
"""Bytes: an operation on smaller tensors is measured only where an argument is a large number."""
_LARGE_NUMBER = 4096


@contextmanager
def bounded(what: str, most: int | None = None) -> Iterator[None]:
    """Limit what the block builds: modules get at most ``most`` bytes of parameters (the limit,
    where it is left out), all tensors that are alive at once stay below the limit, and operations
    take at most the multiply-adds that belong to it (``GMACS_PER_GIB``).

    Raises :class:`UsageError` that begins with ``what`` and says how to raise the limit.
    """
    highest = memory_limit()
    parameters = _Parameters(what, highest if most is None else min(most, highest))
    handle = register_module_parameter_registration_hook(parameters)
    try:
        with _SizeCheck(what, highest):
            yield
    finally:
        handle.remove()


def require_side(what: str, side: int) -> None:
    """Raises :class:`UsageError` for images of more pixels a side than the limit has room for."""
    most = int((memory_limit() / PIXEL) ** 0.5)
    if side > most:
        raise _beyond(what, f"its input of {side} px is beyond {most} px")


def _beyond(what: str, reason: str) -> UsageError:
    return UsageError(f"{what}: {reason}; is its size as meant? {how_to_raise()}")


class _Parameters:
    """Counts the parameters that modules are given."""

    def __init__(self, what: str, most: int) -> None:
        self.what, self.most, self.bytes = what, most, 0

    def __call__(self, module: torch.nn.Module, name: str, parameter: Any) -> None:
        if isinstance(parameter, Tensor):
            self.bytes += max(parameter.nbytes, LEAST)
        if self.bytes > self.most:
            raise _beyond(self.what, f"its parameters come to more than {self.most / GIB:.2g} GiB")


class Observer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode whose subclasses see every operation that runs in its block."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False, as nothing is compiled while a network is measured. Else torch would import its
        compiler to shield the mode from it, which takes two seconds."""
        return False


class _SizeCheck(Observer):
    """Computes the size and the cost of an operation's result before it runs."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.what, self.most, self.alive = what, most, 0
        self.macs_left = most / GIB * GMACS_PER_GIB * 1e9
        self._storages: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        expected, size = _result_without_memory(func, args, kwargs)
        needed = self.alive + size
        if needed > self.most:
            raise _beyond(self.what, f"it needs {needed / GIB:,.1f} GiB and more for one image")
        count = _COUNTS.get(func.overloadpacket)
        if count is not None and expected is not None:
            self.macs_left -= count(*args, **kwargs, out_val=expected) / 2
            if self.macs_left < 0:
                raise _beyond(
                    self.what,
                    f"trying it takes more than {self.most / GIB * GMACS_PER_GIB:,.0f} billion "
                    "multiply-adds",
                )
        result = func(*args, **kwargs)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count a tensor until it is freed; autograd keeps those that a backward pass needs."""
        key, size = storage._cdata, storage.nbytes()
        if key in self._storages:
            return

        def release(_: object) -> None:
            del self._storages[key]
            self.alive -= size

        self._storages[key] = weakref.ref(storage, release)
        self.alive += size


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> int:
    count: int = sdpa_flop_count(query.shape, key.shape, value.shape)  # type: ignore[no-untyped-call]
    return count


_COUNTS: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    **flop_registry,
}
"""Counters of twice the multiply-adds, by operation; torch's own table lacks CPU attention."""


def _as_input(values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return torch.empty_like(values)


def _product(bias: Tensor, left: Tensor, right: Tensor, **kwargs: Any) -> Tensor:
    return left.new_empty(left.shape[0], right.shape[1])


_WITHOUT_COMPILER: dict[Any, Callable[..., Tensor]] = {
    torch.ops.aten.native_batch_norm: _as_input,
    torch.ops.aten.native_layer_norm: _as_input,
    torch.ops.aten.native_group_norm: _as_input,
    torch.ops.aten.addmm: _product,
}
"""Results without memory of operations for which torch's own code imports its compiler: that takes
two seconds."""


def _result_without_memory(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, int]:
    """The result of an operation, without memory, and how many bytes of it are new. None and 0
    where the result is small or cannot be known."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    creates = not tensors and any(argument.name == "device" for argument in func._schema.arguments)
    if creates:
        kwargs = {**kwargs, "device": torch.device("meta")}
        kwargs.pop("pin_memory", None)
    elif sum(each.nbytes for each in tensors) < _SMALL and not any(
        isinstance(leaf, int | float) and abs(leaf) > _LARGE_NUMBER for leaf in leaves
    ):
        return None, 0
    try:
        inputs = tree_map_only(Tensor, _without_memory, (args, kwargs))
        result = _WITHOUT_COMPILER.get(func.overloadpacket, func)(*inputs[0], **inputs[1])
    except Exception:  # an operation that this device lacks, or that needs the values
        return None, 0
    old_storages = {
        leaf.untyped_storage()._cdata for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)
    }
    return result, sum(
        leaf.untyped_storage().nbytes()
        for leaf in tree_leaves(result)
        if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in old_storages
    )


def _without_memory(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
