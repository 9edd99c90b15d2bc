"""How large a network may be: a few words of a configuration can describe one beyond any machine.

While a network is built and tried on one image, every tensor is weighed before it is made: its size
follows from the operation, worked out without memory on torch's meta device. What is beyond the
limit is refused, whether it stands in a record of a stranger's or was a slip of the own hand.
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
"""Billions of multiply-adds, for each GiB of the limit, of the few forwards of one image that
building takes: a network is tried by its plugin and by the core."""
LEAST = 512 << 10
"""Bytes that a parameter counts at the least: a million of small ones take long to make, too."""
PIXEL = 512
"""Bytes that a pixel of the input counts: what the first layers of a network make of it."""
_SMALL = 1 << 20
"""Bytes: what operations make of less is weighed only where a number in them is large."""
_LARGE_NUMBER = 4096


@contextmanager
def bounded(what: str, most: int | None = None) -> Iterator[None]:
    """Within, modules get no more than ``most`` bytes of parameters (the limit, where it is left
    out), all tensors that are alive at once stay below the limit, and operations multiply no more
    often than belongs to it.

    Raises :class:`UsageError` that begins with ``what`` and says how to raise the limit.
    """
    highest = memory_limit()
    parameters = _Parameters(what, highest if most is None else min(most, highest))
    handle = register_module_parameter_registration_hook(parameters)
    try:
        with _Weighed(what, highest):
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
    """Sees every operation that is run within."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch shields a mode from its compiler, whose import takes two seconds; nothing is
        compiled while a network is looked at."""
        return False


class _Weighed(Observer):
    """Works out what an operation gives before it is run."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.what, self.most, self.alive = what, most, 0
        self.macs = most / GIB * GMACS_PER_GIB * 1e9
        self._seen: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        made, size = _foreseen(func, args, kwargs)
        needed = self.alive + size
        if needed > self.most:
            raise _beyond(self.what, f"it needs {needed / GIB:,.1f} GiB and more for one image")
        count = _COUNTS.get(func.overloadpacket)
        if count is not None and made is not None:
            self.macs -= count(*args, **kwargs, out_val=made) / 2
            if self.macs < 0:
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
        """Count a tensor until it goes; what autograd keeps for a backward pass does not go."""
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return

        def gone(_: object) -> None:
            del self._seen[key]
            self.alive -= size

        self._seen[key] = weakref.ref(storage, gone)
        self.alive += size


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> int:
    count: int = sdpa_flop_count(query.shape, key.shape, value.shape)  # type: ignore[no-untyped-call]
    return count


_COUNTS: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    **flop_registry,
}
"""Operations, and twice the multiply-adds of each; torch's own table has no attention on a CPU."""


def _as_input(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return torch.empty_like(given)


def _product(added: Tensor, one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
    return one.new_empty(one.shape[0], other.shape[1])


_FORMS: dict[Any, Callable[..., Tensor]] = {
    torch.ops.aten.native_batch_norm: _as_input,
    torch.ops.aten.native_layer_norm: _as_input,
    torch.ops.aten.native_group_norm: _as_input,
    torch.ops.aten.addmm: _product,
}
"""The result of operations that torch works out, without memory, by code which imports its
compiler: that takes two seconds."""


def _foreseen(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, int]:
    """What the operation will give, without memory, and how many bytes of it are new. None and 0
    where that is little, or cannot be known."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    makes = not tensors and any(argument.name == "device" for argument in func._schema.arguments)
    if makes:
        kwargs = {**kwargs, "device": torch.device("meta")}
        kwargs.pop("pin_memory", None)
    elif sum(each.nbytes for each in tensors) < _SMALL and not any(
        isinstance(leaf, int | float) and abs(leaf) > _LARGE_NUMBER for leaf in leaves
    ):
        return None, 0
    try:
        given = tree_map_only(Tensor, _without_memory, (args, kwargs))
        made = _FORMS.get(func.overloadpacket, func)(*given[0], **given[1])
    except Exception:  # an operation that nobody wrote for this device, or that needs the numbers
        return None, 0
    taken = {
        leaf.untyped_storage()._cdata for leaf in tree_leaves(given) if isinstance(leaf, Tensor)
    }
    return made, sum(
        leaf.untyped_storage().nbytes()
        for leaf in tree_leaves(made)
        if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in taken
    )


def _without_memory(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
