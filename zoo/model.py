"""The model: normalise > backbone > head, and what can be measured of it without data."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .api import (
    IBUG68,
    Backbone,
    FeatureInfo,
    Head,
    LandmarkScheme,
    PluginError,
    UsageError,
    WeightsError,
    ZooError,
)
from .api.notices import warn
from .memory import bounded, require_side
from .registry import Entry, Resolved, blaming, registry
from .registry.call import call_with_options
from .registry.entries import bare_id, one_line
from .registry.errors import BrokenPluginError
from .tensors import file_digest, load_backbone, read_weights, told_by

Features = Tensor | list[Tensor]
Output = dict[str, Tensor]


class LandmarkModel(nn.Module):
    """RGB images (B, 3, H, W) in [0, 1] to a dict with ``points`` (B, K, 2) in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        spec: Backbone,
        freeze: bool,
        entries: Mapping[str, Entry] | None = None,
        outputs: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """``entries``: of the plugins of the backbone and the head, by kind, to name a fault of
        theirs. ``outputs``: what the head gives beside points and scores, each with its shape
        behind the batch."""
        super().__init__()
        self.entries = dict(entries or {})
        self.outputs = dict(outputs or {})
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)
        self.backbone = backbone
        self.head = head
        self.frozen = freeze
        self.resting = tuple(
            n for n, p in backbone.named_parameters() if freeze and p.requires_grad
        )
        """Parameters of the frozen backbone, by name, that :meth:`unfreeze` would train."""
        if freeze:
            backbone.requires_grad_(False)
            backbone.eval()
        # channels last: the layout in which convolutions run fastest, on CPUs and on tensor cores
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> LandmarkModel:
        super().train(mode)
        if self.frozen:  # or its batch norms would drift with every batch that passes
            self.backbone.eval()
        return self

    def unfreeze(self) -> None:
        """Train the backbone from here on; nothing where it is trained already.

        What the backbone itself keeps from being trained stays so.
        """
        for name in self.resting:
            self.backbone.get_parameter(name).requires_grad_(True)
        self.frozen, self.resting = False, ()
        self.backbone.train(self.training)

    def leave_out(self, names: Collection[str]) -> None:
        """Never train these parameters, now or once the backbone is unfrozen."""
        for name in names:
            self.get_parameter(name).requires_grad_(False)
        self.resting = tuple(n for n in self.resting if f"backbone.{n}" not in names)

    def forward(self, images: Tensor) -> Output:
        images = (images - self.mean) / self.std
        images = images.contiguous(memory_format=torch.channels_last)
        with self._blaming("backbone"), torch.set_grad_enabled(self._wants_grad()):
            features = self.backbone(images)
        with self._blaming("head"):
            output: Output = self.head(features)
        return output

    def _wants_grad(self) -> bool:
        return torch.is_grad_enabled() and not self.frozen

    def _blaming(self, kind: str) -> AbstractContextManager[None]:
        if kind not in self.entries:
            return nullcontext()
        return blaming(self.entries[kind], "cannot take what it is given")


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
        """A backbone and a head by their ids; ``start`` as the fields below them."""
        return cls(
            registry("backbone").resolve(backbone, backbone_options),
            registry("head").resolve(head, head_options),
            **start,
        )

    def without_start(self) -> ModelPlan:
        """The same network, for weights that are all at hand."""
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
    """Names in a weights file that the backbone had no use for."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What the weights file says of itself: ``source`` and ``license``, where it does."""


def build_model(
    plan: ModelPlan, scheme: LandmarkScheme, most_bytes: int | None = None
) -> BuiltModel:
    """The model of a plan, on the CPU, in training mode. Random weights come from torch's seed.
    ``most_bytes``: of its parameters, where it is known how many there can be.

    Raises :class:`PluginError` for a plugin that breaks its contract, :class:`WeightsError` for
    weights that cannot be had, :class:`UsageError` for options that a plugin does not take, and for
    a model beyond the limit of :mod:`zoo.memory`.
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
    told: Mapping[str, str] = {}
    if plan.pretrained:
        weights = f"pretrained: {spec.weights}"
    elif plan.weights:
        path = Path(os.path.expanduser(plan.weights))
        ignored = tuple(load_backbone(backbone, read_weights(path), str(path)))
        weights = f"file: {path.name} sha256: {file_digest(path)}"
        told = told_by(path)
    features = probe(backbone, size, plan.backbone.id, tokens)
    if stride is not None and features.is_vector:
        raise UsageError(
            f"{plan.backbone.entry.label}: gives a vector, and {plan.head.entry.label} works on "
            "maps; choose another backbone, or a head that takes a vector, such as --head linear"
        )
    build = plan.head.plugin.build
    head = _module(plan.head.entry, build, features, scheme, size, **plan.head.options)
    entries = {"backbone": plan.backbone.entry, "head": plan.head.entry}
    outputs = {
        name: tuple(side if isinstance(side, int) else len(scheme) for side in shape)
        for name, shape in plan.head.plugin.outputs.items()
    }
    model = LandmarkModel(backbone, head, spec, plan.freeze, entries, outputs)
    return BuiltModel(model.train(), spec, size, weights, ignored, told)


def wanted_stride(head: Resolved[Head]) -> float | None:
    """The finest stride that a head asks for, in input pixels; None: it asks for none."""
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
    takes = inspect.signature(spec.build).parameters
    if "input_size" in takes:
        options["input_size"] = size
    if "stride" in takes and stride is not None:
        options["stride"] = stride
    if tokens and "tokens" not in takes:
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
        error = broken.__cause__  # each library has its own for a network that is not there
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


def probe(backbone: nn.Module, size: int, name: str, tokens: bool = False) -> FeatureInfo:
    """Channels, sizes and strides of what the backbone emits, or the layout of its ``tokens``, from
    one forward of zeros."""
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.no_grad():
            out = backbone(torch.zeros(1, 3, size, size))
    except (ZooError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # SystemExit among them
        raise PluginError(
            f"{name}: fails on an input of {size} px: {one_line(error)}; "
            "try another --set input_size"
        ) from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    maps = [out] if isinstance(out, Tensor) else out
    is_maps = isinstance(maps, list | tuple) and all(isinstance(m, Tensor) for m in maps)
    if is_maps and (odd := [m.dtype for m in maps if not m.is_floating_point()]):
        raise PluginError(f"{name}: emits {odd[0]}, no decimal numbers")
    if tokens:
        return _layout(backbone, out, size, name)
    if isinstance(out, Tensor) and out.ndim == 2:
        return FeatureInfo((out.shape[1],))
    if not is_maps or not maps or any(m.ndim != 4 for m in maps):
        shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise PluginError(f"{name}: emits {shape}, not (B, C), (B, C, h, w) or a list of maps")
    return FeatureInfo(
        channels=tuple(m.shape[1] for m in maps),
        sizes=tuple((m.shape[2], m.shape[3]) for m in maps),
        strides=tuple(size / m.shape[2] for m in maps),
    )


def _layout(backbone: nn.Module, out: object, size: int, name: str) -> FeatureInfo:
    grid, extra = getattr(backbone, "token_grid", None), getattr(backbone, "extra_tokens", None)
    shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if not isinstance(out, Tensor) or out.ndim != 3:
        raise PluginError(f"{name}: asked for tokens, it emits {shape}, not (B, N, C)")
    if type(grid) is not tuple or len(grid) != 2 or type(extra) is not int:
        raise PluginError(
            f"{name}: gives tokens and does not say how they lie: its module needs the attributes "
            "token_grid (rows, columns) and extra_tokens"
        )
    if out.shape[1] != extra + grid[0] * grid[1]:
        raise PluginError(
            f"{name}: gives {out.shape[1]} tokens and says {grid[0]} x {grid[1]} and {extra} extra"
        )
    return FeatureInfo((out.shape[2],), strides=(size / grid[0],), grid=grid, extra_tokens=extra)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(all, trainable)."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, _ in counts), sum(n for n, grad in counts if grad)


def count_gmacs(model: nn.Module, size: int) -> float | None:
    """Billions of multiply-adds in one forward of one image (convolutions, matrix products).

    None, with a :class:`ZooWarning` that says why, where torch cannot count them.
    """
    training = model.training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        model.eval()
        # the counter wants the history of all that seems to have one: views of parameters have none
        model.requires_grad_(False)
        device = next(model.parameters()).device
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, size, size, device=device))
        return float(counter.get_total_flops()) / 2 / 1e9
    except Exception as error:  # whatever torch, or a plugin's own operators, cannot do
        reason = f"multiply-adds cannot be counted, so gmacs is unknown: {one_line(error)}"
        warn(reason)
        return None
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        model.train(training)


def rounded(figure: float | None, digits: int) -> float | None:
    """A figure as it is kept and shown: None where it could not be had."""
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
