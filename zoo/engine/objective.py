"""What training minimises: the head's own loss where it has one, else the point loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from ..api import LandmarkScheme, UsageError
from ..geometry import UNIT_SCALE, UNIT_SHIFT, UNIT_SPREAD
from ..model import Output
from ..options import call_with_options
from ..registry import registry

PointLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def build_loss(plugin_id: str, scheme: LandmarkScheme, options: Mapping[str, Any]) -> PointLoss:
    """The point loss of a plugin; one whose ``build`` names a ``scheme`` is given it.

    Raises :class:`UsageError` for options that it does not take.
    """
    build = registry("loss").get(plugin_id).build
    options = dict(options)
    if "scheme" in options:
        raise UsageError("loss.scheme: the data set says it; take it out")
    if "scheme" in inspect.signature(build).parameters:
        options["scheme"] = scheme
    return call_with_options("loss", plugin_id, build, **options)


def landmark_units(points: Tensor) -> Tensor:
    """Fractions of the input to the seed's units."""
    return (UNIT_SCALE * points - UNIT_SHIFT) / UNIT_SPREAD


def training_loss(
    head: nn.Module, output: Output, points: Tensor, visible: Tensor, point_loss: PointLoss
) -> Tensor:
    """A scalar. ``points`` (B, K, 2) are the labels as fractions of the input."""
    output = {name: tensor.float() for name, tensor in output.items()}
    target = landmark_units(points)
    own: Callable[..., Tensor] | None = getattr(head, "loss", None)
    if own is not None:
        return own(output, target, visible, point_loss)
    return point_loss(landmark_units(output["points"]), target, visible)
