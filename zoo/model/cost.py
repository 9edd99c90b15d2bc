"""What a model costs: its parameters and its multiply-adds, which need no data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import flop_registry

from ..api import IBUG68
from ..api.notices import warn
from ..memory import Observer
from ..registry.entries import one_line
from .building import ModelPlan, build_model


class _Multiplications(Observer):  # type: ignore[no-untyped-call]
    """Counts as torch's ``FlopCounterMode`` does, but without a count for each module."""

    flops: float = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        count = flop_registry.get(func.overloadpacket)
        if count is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        result = func(*args, **kwargs)
        self.flops += count(*args, **kwargs, out_val=result)
        return result


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(all, trainable)."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, _ in counts), sum(n for n, grad in counts if grad)


def count_gmacs(model: nn.Module, size: int) -> float | None:
    """Billions of multiply-adds in one forward of one image (convolutions, matrix products).

    None, with a :class:`ZooWarning` that says why, where torch cannot count them.
    """
    training = model.training
    try:
        model.eval()
        device = next(model.parameters()).device
        with torch.no_grad(), _Multiplications() as counter:  # type: ignore[no-untyped-call]
            model(torch.zeros(1, 3, size, size, device=device))
        return float(counter.flops) / 2 / 1e9
    except Exception as error:  # whatever torch, or a plugin's own operators, cannot do
        reason = f"multiply-adds cannot be counted, so gmacs is unknown: {one_line(error)}"
        warn(reason)
        return None
    finally:
        model.train(training)


def rounded(figure: float | None, digits: int) -> float | None:
    """A figure as it is stored and shown; None where it is not known."""
    return None if figure is None else round(figure, digits)


def describe(plugin_id: str) -> dict[str, Any]:
    """Size and cost of a backbone at its own input size, with the linear head on 68 points."""
    built = build_model(ModelPlan.of(plugin_id), IBUG68)
    parameters, trainable = count_parameters(built.model)
    return {
        "parameters": parameters,
        "trainable_parameters": trainable,
        "input_size": built.input_size,
        "gmacs": rounded(count_gmacs(built.model, built.input_size), 4),
    }
