"""Building a model from its plan: backbone, weights, and a head that fits their features."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from ..api import Backbone, Head, LandmarkScheme, PluginError, UsageError, WeightsError
from ..memory import bounded, require_side
from ..registry import Entry, Resolved, blaming, registry
from ..registry.call import call_with_options
from ..registry.entries import bare_id
from ..registry.errors import BrokenPluginError
from ..tensors import file_digest, load_backbone, read_provenance, read_weights
from .features import probe
from .network import LandmarkModel


@dataclass(frozen=True)
class ModelPlan:
    """What a model is built from."""

    backbone: Resolved[Backbone]
    head: Resolved[Head]
    input_size: int = 0
    """0: the backbone's own."""
    pretrained: bool = False
    weights: str = ""
    freeze: bool = False

    @classmethod
    def of(
        cls,
        backbone: str,
        head: str = "landmark-zoo/linear",
        *,
        backbone_options: Mapping[str, Any] | None = None,
        head_options: Mapping[str, Any] | None = None,
        **start: Any,
    ) -> ModelPlan:
        """A backbone and a head by their ids; ``start``: the fields below these two."""
        return cls(
            registry("backbone").resolve(backbone, backbone_options),
            registry("head").resolve(head, head_options),
            **start,
        )

    def without_start(self) -> ModelPlan:
        """The same network without a start, for weights that are loaded afterwards."""
        return replace(self, pretrained=False, weights="", freeze=False)


@dataclass(frozen=True)
class BuiltModel:
    model: LandmarkModel
    spec: Backbone
    input_size: int
    weights: str
    """Where the backbone started: ``none``, ``pretrained: NAME``, ``file: NAME sha256: HEX`` or, of
    another run's best weights, ``run: NAME sha256: HEX``."""
    ignored: tuple[str, ...] = ()
    """Names in a weights file that the backbone does not use."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """``source`` and ``license`` of the weights, where their file has them."""


def build_model(
    plan: ModelPlan, scheme: LandmarkScheme, most_bytes: int | None = None
) -> BuiltModel:
    """The model of a plan, on the CPU, in training mode. Random weights come from torch's seed.
    ``most_bytes``: limit on the size of its parameters, where it is known.

    Raises :class:`PluginError` for a plugin that breaks its contract, :class:`WeightsError` for
    weights that cannot be loaded, :class:`UsageError` for options that a plugin does not take, and
    for a model beyond the limit of :mod:`zoo.memory`.
    """
    size = plan.input_size or plan.backbone.plugin.input_size
    what = f"{plan.backbone.id} at {size} px"
    require_side(what, size)
    with bounded(what, most_bytes):
        return _built(plan, scheme, size)


def _built(plan: ModelPlan, scheme: LandmarkScheme, size: int) -> BuiltModel:
    spec, stride = plan.backbone.plugin, wanted_stride(plan.head)
    tokens = plan.head.plugin.tokens
    backbone = _build_backbone(plan, size, stride, tokens)
    weights: str = "none"
    ignored: tuple[str, ...] = ()
    provenance: Mapping[str, str] = {}
    if plan.pretrained:
        weights = f"pretrained: {spec.weights}"
    elif plan.weights:
        path = Path(os.path.expanduser(plan.weights))
        ignored = tuple(load_backbone(backbone, read_weights(path), str(path)))
        weights = f"file: {path.name} sha256: {file_digest(path)}"
        provenance = read_provenance(path)
    features = probe(backbone, size, plan.backbone.id, tokens)
    if stride is not None and features.is_vector:
        raise UsageError(
            f"{plan.backbone.entry.label}: gives a vector, and {plan.head.entry.label} works on "
            "maps; choose another backbone, or a head that takes a vector, such as --head linear"
        )
    build = plan.head.plugin.build
    head = _module(plan.head.entry, build, features, scheme, size, **plan.head.options)
    entries = {"backbone": plan.backbone.entry, "head": plan.head.entry}
    with blaming(plan.head.entry, "does not say what it gives"):
        outputs = declared_outputs(plan.head.plugin, head, len(scheme))
    model = LandmarkModel(backbone, head, spec, plan.freeze, entries, outputs)
    return BuiltModel(model.train(), spec, size, weights, ignored, provenance)


def declared_outputs(head: Head, built: nn.Module, points: int) -> dict[str, tuple[int, ...]]:
    """The outputs of a head besides points and scores, with the shape of each for one face. Its
    module declares them, since they may depend on how it was built, or else the plugin does."""
    declared = getattr(built, "declared_outputs", head.outputs)
    return {
        name: tuple(side if isinstance(side, int) else points for side in shape)
        for name, shape in declared.items()
    }


def wanted_stride(head: Resolved[Head]) -> float | None:
    """The finest stride that a head asks for, in input pixels; None: it does not ask for one."""
    parameter = inspect.signature(head.plugin.build).parameters.get("stride")
    if parameter is None:
        return None
    stride = head.options.get("stride", parameter.default)
    if isinstance(stride, bool) or not isinstance(stride, int | float) or not stride >= 1:
        raise UsageError(f"head.stride = {stride!r}: expected input pixels a cell, such as 8")
    return stride


def _build_backbone(
    plan: ModelPlan, size: int, stride: float | None, tokens: bool = False
) -> nn.Module:
    spec, options = plan.backbone.plugin, dict(plan.backbone.options)
    if "stride" in options:
        raise UsageError("backbone.stride: the head asks for it; use --set head.stride=N")
    parameters = inspect.signature(spec.build).parameters
    if "input_size" in parameters:
        options["input_size"] = size
    if "stride" in parameters and stride is not None:
        options["stride"] = stride
    if tokens and "tokens" not in parameters:
        raise UsageError(
            f"{plan.backbone.entry.label}: gives no tokens, and {plan.head.entry.label} works on "
            "them; choose a backbone that does, or another head"
        )
    if tokens:
        options["tokens"] = True
    if plan.pretrained and not spec.weights:
        raise WeightsError(
            f"{bare_id(plan.backbone.id)}: has no pretrained weights; leave --pretrained out, "
            "or give a file with --weights"
        )
    try:
        return _module(plan.backbone.entry, spec.build, pretrained=plan.pretrained, **options)
    except BrokenPluginError as broken:
        if not plan.pretrained or broken.__cause__ is None:
            raise
        error = broken.__cause__  # each library raises its own where there is no network
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise WeightsError(
            f"{bare_id(plan.backbone.id)}: cannot load its pretrained weights {spec.weights} "
            f"({type(error).__name__}: {reason[:160]}). Without a network, bring that file by "
            "another way and give it with --weights FILE, or leave --pretrained out"
        ) from error


def _module(entry: Entry, build: Callable[..., Any], /, *args: Any, **options: Any) -> nn.Module:
    module: Any = call_with_options(entry, build, *args, **options)
    if not isinstance(module, nn.Module):
        given = type(module).__name__
        raise PluginError(f"{entry.label}: build gave a {given}, not a torch module")
    return module
