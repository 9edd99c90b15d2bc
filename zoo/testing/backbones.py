"""The list of checks for a backbone.

All random numbers come from fixed seeds, on the CPU in float32. Nothing is downloaded: the check of
pretrained weights runs without a network connection.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from zoo.api import IBUG68, Backbone, UsageError
from zoo.model import LandmarkModel, ModelPlan, build_model
from zoo.registry.call import call_unblamed
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.exporting import require_export
from zoo.testing.faces import overfit
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.modules import (
    require_deepcopy,
    require_gradients,
    require_pickling,
    require_round_trip,
    require_same_init,
)
from zoo.testing.pretrained import require_honesty
from zoo.testing.strides import require_strides, require_tokens, takes_stride, takes_tokens
from zoo.testing.subject import Subject
from zoo.testing.tensors import CLOSE, difference, listed, noise, seeded, shapes, tensors_of
from zoo.testing.together import trained_together

TOGETHER = 120.0
"""Seconds, after the import, that two processes may take for their few steps."""


class BackboneSubject(Subject):
    """A backbone, and its output for one batch of noise."""

    @cached_property
    def size(self) -> int:
        """The side of the inputs in pixels: the declared one, or the option ``input_size``."""
        return int(self.options.get("input_size", self.plugin.input_size))

    def build(self, seed: int = 0, size: int | None = None, pretrained: bool = False) -> nn.Module:
        """A new module in eval mode, its weights from ``seed``."""
        with seeded(seed):
            return self.build_as_is(size, pretrained).eval()

    def build_as_is(
        self, size: int | None = None, pretrained: bool = False, **more: Any
    ) -> nn.Module:
        """A new module, its weights from torch's present random state."""
        spec: Backbone = self.plugin
        options = dict(self.options)
        if "input_size" in inspect.signature(spec.build).parameters:
            options["input_size"] = size or self.size
        else:
            options.pop("input_size", None)
        built: Any = call_unblamed(
            "backbone", self.plugin_id, spec.build, pretrained=pretrained, **options, **more
        )
        if not isinstance(built, nn.Module):
            raise CheckFailed(f"build gives a {type(built).__name__}, no torch module")
        return built

    def made(self, seed: int = 0) -> nn.Module:
        """:meth:`build`, for checks that are not run if building it or running it fails."""
        _ = self.output
        return self.build(seed)

    def images(self, count: int, seed: int = 0) -> Tensor:
        return noise(count, 3, self.size, self.size, seed=seed)

    def run(self, module: nn.Module, images: Tensor, seed: int = 0) -> list[Tensor]:
        """The outputs of the module, without gradients."""
        with needs("declared_input_size_works"), torch.no_grad(), seeded(seed):
            return tensors_of(module(images))

    def run_on_two(self, module: nn.Module) -> list[Tensor]:
        """The outputs for two images that are always the same."""
        return self.run(module, self.images(2))

    def give_stride(self, stride: int) -> list[Tensor]:
        """The outputs for one image, when the backbone is built for maps from a stride on."""
        with must(f"asked for stride {stride}, it"), torch.no_grad(), seeded(0):
            return tensors_of(self.build_as_is(stride=stride).eval()(self.images(1)))

    @cached_property
    def sample(self) -> nn.Module:
        """The network in eval mode; not to be changed."""
        with needs("declared_input_size_works"):
            return self.build()

    @cached_property
    def output(self) -> Any:
        """The output for four images in eval mode, as the backbone gives it."""
        module = self.sample
        with needs("declared_input_size_works"), torch.no_grad(), seeded(0):
            return module(self.images(4))


def options_are_keyword_only(subject: BackboneSubject) -> None:
    """``build(*, pretrained=False, **options)``: every option by name, and with a default."""
    require_keyword_only(subject.plugin.build, wanted={"pretrained": False})


def declared_input_size_works(subject: BackboneSubject) -> None:
    """It is built for its declared input size and takes an image of that size."""
    size = subject.plugin.input_size
    with must(f"building it for its declared {size} px"):
        module = subject.build(size=size)
    with must(f"an image of its declared {size} x {size} px"), torch.no_grad(), seeded(0):
        module(noise(2, 3, size, size))


def output_rank(subject: BackboneSubject) -> None:
    """It gives a vector (B, C), a map (B, C, h, w), or maps from fine to coarse, in training too;
    if it has the options ``stride`` and ``tokens``, it gives what they ask for."""
    in_eval = _shapes_of_one(subject.output, "in eval mode")
    module = subject.made()
    module.train()
    with must("a batch in training mode"), torch.no_grad(), seeded(0):
        in_training = _shapes_of_one(module(subject.images(4)), "in training mode")
    if in_eval != in_training:
        raise CheckFailed(f"it gives {in_eval} in eval mode and {in_training} in training mode")
    if takes_stride(subject.plugin.build):
        require_strides(subject.give_stride, subject.size)
    if takes_tokens(subject.plugin.build):
        _require_tokens(subject)


def _require_tokens(subject: BackboneSubject) -> None:
    """A backbone may refuse tokens, as the convolutional networks of a mixed family do."""
    with must("asked for tokens, it"), torch.no_grad(), seeded(0):
        try:
            module = subject.build_as_is(tokens=True).eval()
        except UsageError:
            return
        outputs = tensors_of(module(subject.images(1)))
    require_tokens(module, outputs, subject.size)


def _shapes_of_one(features: Any, when: str) -> list[tuple[int, ...]]:
    """The output shapes for one image, where ``features`` are those of four."""
    if isinstance(features, Tensor) and features.ndim == 2:
        maps = [features]
    elif isinstance(features, Tensor) or (
        isinstance(features, list | tuple)
        and features
        and all(isinstance(m, Tensor) for m in features)
    ):
        maps = [features] if isinstance(features, Tensor) else list(features)
        if any(m.ndim != 4 for m in maps):
            raise CheckFailed(
                f"{when} it gives {shapes(maps)}, not (B, C), (B, C, h, w) or a list of maps"
            )
    else:
        raise CheckFailed(f"{when} it gives a {type(features).__name__}, no tensor and no maps")
    if any(m.shape[0] != 4 or 0 in m.shape for m in maps):
        raise CheckFailed(f"{when} it gives {shapes(maps)} for 4 images")
    sides = [m.shape[-1] for m in maps if m.ndim == 4]
    if sides != sorted(sides, reverse=True):
        raise CheckFailed(f"{when} its maps come as {shapes(maps)}, not from fine to coarse")
    return [tuple(m.shape[1:]) for m in maps]


def output_dtype(subject: BackboneSubject) -> None:
    """float32 in, float32 out."""
    odd = {t.dtype for t in tensors_of(subject.output)} - {torch.float32}
    if odd:
        raise CheckFailed(f"it gives {listed(sorted(map(str, odd)))} for images of torch.float32")


def output_is_finite(subject: BackboneSubject) -> None:
    """Noise, a black picture and a white one all give finite numbers."""
    spec: Backbone = subject.plugin
    mean, std = (torch.tensor(t).view(3, 1, 1) for t in (spec.mean, spec.std))
    flat = torch.ones(3, subject.size, subject.size)
    pictures = {
        "noise": subject.images(1)[0],
        "a black picture": (0 * flat - mean) / std,
        "a white picture": (flat - mean) / std,
        "a picture of the mean colour": 0 * flat,
    }
    outputs = subject.run(subject.sample, torch.stack(list(pictures.values())))
    for i, name in enumerate(pictures):
        if not all(t[i].isfinite().all() for t in outputs):
            raise CheckFailed(f"{name} gives numbers that are not finite")


def batch_sizes(subject: BackboneSubject) -> None:
    """Batches of 1 and of 3 images give as many outputs as one of 4, of the same shapes."""
    expected = [tuple(t.shape[1:]) for t in tensors_of(subject.output)]
    for count in (1, 3):
        with must(f"a batch of {count}"), torch.no_grad(), seeded(0):
            found = tensors_of(subject.sample(subject.images(count)))
        if [tuple(t.shape) for t in found] != [(count, *shape) for shape in expected]:
            raise CheckFailed(
                f"a batch of {count} gives {shapes(found)}, "
                f"a batch of 4 {shapes(tensors_of(subject.output))}"
            )


def every_parameter_gets_a_gradient(subject: BackboneSubject) -> None:
    """Every trainable parameter gets a gradient from what the backbone gives."""
    module = subject.made().train()
    with must("a training step"), seeded(0):
        outputs = tensors_of(module(subject.images(4)))
        weights = [noise(*t.shape, seed=i) for i, t in enumerate(outputs)]
        costs = [(t * w).mean() for t, w in zip(outputs, weights, strict=True)]
        torch.autograd.backward(torch.stack(costs).sum())
    require_gradients(module)


def eval_is_deterministic(subject: BackboneSubject) -> None:
    """In eval mode the same images give the same output, whatever the random state."""
    module, images = subject.sample, subject.images(2)
    if difference(subject.run(module, images), subject.run(module, images, seed=1)) > CLOSE:
        raise CheckFailed("in eval mode the same images give another output the second time")


def eval_ignores_batch_mates(subject: BackboneSubject) -> None:
    """In eval mode an image's output does not depend on the others in its batch."""
    one, others, more = (subject.images(n, seed) for n, seed in ((1, 1), (3, 2), (3, 3)))
    first = subject.run(subject.sample, torch.cat([one, others]))
    second = subject.run(subject.sample, torch.cat([one, 3 * more]))
    if difference([t[:1] for t in first], [t[:1] for t in second]) > CLOSE:
        raise CheckFailed("in eval mode an image's output changes with the others in its batch")


def state_dict_round_trips(subject: BackboneSubject) -> None:
    """Another module that loads its state_dict gives the same output."""
    module = subject.made().train()
    subject.run(module, subject.images(4, seed=5))  # moves running statistics
    require_round_trip(module.eval(), subject.made(seed=1), subject.run_on_two)


def same_seed_same_init(subject: BackboneSubject) -> None:
    """torch's seed decides the initial weights, and building does not set it."""
    subject.made()
    require_same_init(subject.build_as_is)


def survives_deepcopy(subject: BackboneSubject) -> None:
    """``copy.deepcopy`` gives a module with the same output and tensors of its own."""
    require_deepcopy(subject.made(), subject.run_on_two)


def survives_pickling(subject: BackboneSubject) -> None:
    """Pickled and unpickled, it is of the same class and gives the same output."""
    require_pickling(subject.made(), subject.run_on_two)


def honest_about_pretrained(subject: BackboneSubject) -> None:
    """``pretrained=True`` gives weights that were trained, or raises: never random ones."""
    subject.made()
    require_honesty(
        lambda seed, pretrained: subject.build(seed, pretrained=pretrained), subject.plugin.weights
    )


def overfits_four_faces(subject: BackboneSubject) -> None:
    """With the linear head and without dropout it learns four drawn faces by heart."""
    for other in (output_dtype, batch_sizes, eval_is_deterministic, eval_ignores_batch_mates):
        with needs(other.__name__):
            other(subject)
    options = {name: v for name, v in subject.options.items() if name != "input_size"}
    plan = ModelPlan.of(subject.entry.qualified, input_size=subject.size, backbone_options=options)

    def model() -> LandmarkModel:
        with needs("output_rank"):  # the core refuses wrong outputs too
            return build_model(plan, IBUG68).model

    overfit(model, subject.size)


def exports_to_onnx(subject: BackboneSubject) -> str | None:
    """As ONNX, with the linear head, it gives the same points for batches of any size."""
    for other in (output_dtype, batch_sizes, eval_is_deterministic, eval_ignores_batch_mates):
        with needs(other.__name__):
            other(subject)
    options = {name: v for name, v in subject.options.items() if name != "input_size"}
    plan = ModelPlan.of(subject.entry.qualified, input_size=subject.size, backbone_options=options)
    with needs("output_rank"), seeded(0):
        model = build_model(plan, IBUG68).model.eval()
    return require_export(model, {"points": (len(IBUG68), 2)}, subject.size)


def trains_in_two_processes(subject: BackboneSubject) -> None:
    """Two processes train it together, as `torchrun` starts them: each step of each has a gradient
    for every trainable parameter."""
    subject.made()
    options = {name: v for name, v in subject.options.items() if name != "input_size"}
    timeout = subject.import_timeout + TOGETHER
    failure = trained_together(subject.entry, options, subject.size, timeout)
    if failure:
        raise CheckFailed(f"two processes cannot train it: {failure}")


SUBJECT = BackboneSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    declared_input_size_works,
    output_rank,
    output_dtype,
    output_is_finite,
    batch_sizes,
    every_parameter_gets_a_gradient,
    eval_is_deterministic,
    eval_ignores_batch_mates,
    state_dict_round_trips,
    same_seed_same_init,
    survives_deepcopy,
    survives_pickling,
    honest_about_pretrained,
    exports_to_onnx,
    overfits_four_faces,
    trains_in_two_processes,
)
