"""The list of checks for a head.

A head is offered features in several forms (:func:`zoo.testing.small_net.forms`): a vector, a map,
several maps; a head whose ``build`` has the option ``stride`` is offered maps only. It takes a form
or refuses it by name; the other checks hold for every form that it takes. Features are noise from
fixed seeds; the faces that it learns first go through a small network of the kit's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.api import IBUG68, WFLW98, Backbone, generic_scheme
from zoo.model import LandmarkModel
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.exporting import require_export
from zoo.testing.faces import overfit, point_loss
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.head_subject import HeadSubject, points_first
from zoo.testing.modules import (
    require_deepcopy,
    require_gradients,
    require_pickling,
    require_round_trip,
    require_same_init,
)
from zoo.testing.small_net import SIZE, FeatureForm, SmallNet
from zoo.testing.tensors import CLOSE, difference, noise, seeded, tensors_of
from zoo.training.loss import training_loss, visibility_loss

Output = dict[str, Tensor]


def options_are_keyword_only(subject: HeadSubject) -> None:
    """``build(features, scheme, input_size, *, ...)``: every option by name, with a default."""
    require_keyword_only(subject.plugin.build, ("features", "scheme", "input_size"))


def takes_features_or_refuses_by_name(subject: HeadSubject) -> None:
    """For a vector, a map or several maps it is built, or refuses with an error that names the
    head."""
    _ = subject.plugin
    taken, refused = subject.sort_out()
    if not taken:
        raise CheckFailed(f"it takes none of {', '.join(refused)}: {next(iter(refused.values()))}")
    name = subject.entry.id
    for form, message in refused.items():
        if name not in message:
            raise CheckFailed(f"it refuses {form} without its name: {message!r}")


def gives_points(subject: HeadSubject) -> None:
    """For 68, 98 and 5 points and 1 and 3 images it gives "points" (B, K, 2), "score" and
    "visibility" (B, K) if any, all finite, and a visibility is a probability."""
    for form in subject.taken:
        for scheme in (IBUG68, WFLW98, generic_scheme(5)):
            with must(f"building it for {len(scheme)} points"):
                module = subject.build(form, scheme=scheme)
            for count in (1, 3):
                with must(f"{form.name} of {count} images"), torch.no_grad(), seeded(0):
                    output = module(form.features(count))
                points_first(output)
                _require_shape(output, "points", (count, len(scheme), 2), form)
                for name in ("score", "visibility"):
                    if name in output:
                        _require_shape(output, name, (count, len(scheme)), form)


def _require_shape(output: Output, name: str, shape: tuple[int, ...], form: FeatureForm) -> None:
    found = output[name]
    if tuple(found.shape) != shape:
        raise CheckFailed(f'{form.name}: "{name}" is {tuple(found.shape)}, not {shape}')
    if not found.isfinite().all():
        raise CheckFailed(f'{form.name}: "{name}" holds what is not finite')
    if name == "visibility" and not ((found >= 0) & (found <= 1)).all():
        low, high = found.min().item(), found.max().item()
        raise CheckFailed(f'{form.name}: "visibility" is no probability: {low:g} to {high:g}')


def outputs_are_as_declared(subject: HeadSubject) -> None:
    """The first dimension of every output is the batch, and each one declared in ``outputs`` has
    its shape and is finite."""
    for form, module in subject.each():
        for count in (2, 3):
            with needs("gives_points"), torch.no_grad(), seeded(0):
                output = module(form.features(count))
            points_first(output)
            for name, tensor in output.items():
                if tensor.ndim == 0 or len(tensor) != count:
                    raise CheckFailed(
                        f'{form.name}: "{name}" is {tuple(tensor.shape)} for {count} images; its '
                        "first dimension must be the batch's"
                    )
            for name, shape in subject.outputs(module).items():
                if name not in output:
                    raise CheckFailed(f'{form.name}: it declares "{name}", and does not give it')
                _require_shape(output, name, (count, *shape), form)


def exports_to_onnx(subject: HeadSubject) -> str | None:
    """As ONNX, on a small network, it gives the same outputs for batches of any size."""
    with needs("gives_points"):
        gives_points(subject)
    with needs("eval_is_deterministic"):
        eval_is_deterministic(subject)
    spec = Backbone(build=SmallNet, input_size=SIZE)
    known = {"points": (len(IBUG68), 2), "score": (len(IBUG68),), "visibility": (len(IBUG68),)}
    for form, module in subject.each():
        with seeded(0):
            model = LandmarkModel(SmallNet(form), module, spec, freeze=False)
        with needs("outputs_are_as_declared"):
            declared = subject.outputs(module)
        if why := require_export(model, known | declared, SIZE):
            return why
    return None


def points_are_float32(subject: HeadSubject) -> None:
    """Points are float32, also under autocast: a bfloat16 coordinate is half a pixel off."""
    for form, module in subject.each():
        features = form.features(3)
        low = [m.bfloat16() for m in tensors_of(features)]
        halves = low[0] if isinstance(features, Tensor) else low
        with needs("gives_points"), torch.no_grad(), seeded(0):
            plain = module(features)["points"].dtype
        with (
            must("bfloat16 features under autocast"),
            torch.no_grad(),
            seeded(0),
            torch.autocast("cpu", torch.bfloat16),
        ):
            low_dtype = module(halves)["points"].dtype
        for dtype, when in ((plain, "float32 features"), (low_dtype, "bfloat16 under autocast")):
            if dtype != torch.float32:
                raise CheckFailed(f"for {when} points are {dtype}")


def every_parameter_gets_a_gradient(subject: HeadSubject) -> None:
    """Every trainable parameter gets a gradient from the loss that it is trained with."""
    for form, module in subject.each():
        with needs("gives_points"):
            torch.autograd.backward(_loss(module, form.features(4)))
        require_gradients(module)


def gradient_reaches_the_features(subject: HeadSubject) -> None:
    """The loss moves the backbone: the features get a gradient that is not 0."""
    for form, module in subject.each():
        features = form.features(4)
        for tensor in tensors_of(features):
            tensor.requires_grad_()
        with needs("gives_points"):
            cost = _loss(module, features)
        if cost.requires_grad:
            torch.autograd.backward(cost)
        grads = [t.grad for t in tensors_of(features) if t.grad is not None]
        if not any(bool((g != 0).any()) for g in grads):
            raise CheckFailed(f"{form.name}: no gradient reaches it, so the backbone never learns")
        if not all(bool(g.isfinite().all()) for g in grads):
            raise CheckFailed(f"{form.name}: the gradient that reaches it is not finite")


def _loss(
    module: nn.Module,
    features: Tensor | list[Tensor],
    target: Tensor | None = None,
    visible: Tensor | None = None,
) -> Tensor:
    """The training loss in training mode. Targets are fractions of the input; by default they lie
    inside it."""
    count = tensors_of(features)[0].shape[0]
    module.train()
    target = _targets(count) if target is None else target
    visible = torch.ones(target.shape[:2], dtype=torch.bool) if visible is None else visible
    with seeded(0):
        output = module(features)
        cost = training_loss(module, output, target, visible, point_loss)
        if "visibility" in output:
            hidden = (torch.arange(visible.shape[1]) % 2).float()
            cost = cost + visibility_loss(output["visibility"], visible, hidden.expand_as(visible))
        return cost


def _targets(count: int) -> Tensor:
    return (0.5 + 0.15 * noise(count, len(IBUG68), 2, seed=9)).clamp(0.05, 0.95)


def loss_ignores_invisible_points(subject: HeadSubject) -> None:
    """The target of an invisible point, NaN too, changes neither the loss nor the gradient; a batch
    without a visible point costs 0."""
    for form in subject.taken:
        target = _targets(4)
        visible = torch.ones(target.shape[:2], dtype=torch.bool)
        visible[0, ::2] = False
        visible[1] = False
        module = subject.build(form)
        cost, gradients = _cost_and_gradients(module, form, target, visible)
        if not cost == cost:
            raise CheckFailed(f"{form.name}: with invisible points the loss is {cost:g}")
        for strange in (float("nan"), 1e4):
            hidden = target.masked_fill(~visible.unsqueeze(-1), strange)
            other_cost, other_gradients = _cost_and_gradients(module, form, hidden, visible)
            if not abs(other_cost - cost) <= CLOSE * max(abs(cost), 1e-6):
                raise CheckFailed(
                    f"{form.name}: with {strange:g} for the target of invisible points the loss is "
                    f"{other_cost:g} instead of {cost:g}"
                )
            if difference(gradients, other_gradients) > CLOSE:
                raise CheckFailed(
                    f"{form.name}: with {strange:g} for the target of invisible points the "
                    "gradient changes"
                )
        cost, gradients = _cost_and_gradients(module, form, target, torch.zeros_like(visible))
        if cost != 0 or any(bool((g != 0).any()) for g in gradients):
            raise CheckFailed(f"{form.name}: a batch without a visible point costs {cost:g}")


def _cost_and_gradients(
    module: nn.Module, form: FeatureForm, target: Tensor, visible: Tensor
) -> tuple[float, list[Tensor]]:
    with needs("gives_points"):
        cost = _loss(module, form.features(4), target, visible)
    trainable = [p for p in module.parameters() if p.requires_grad]
    if not cost.requires_grad:
        return float(cost), [torch.zeros_like(p) for p in trainable]
    gradients = torch.autograd.grad(cost, trainable, allow_unused=True, materialize_grads=True)
    return float(cost.detach()), list(gradients)


def starts_at_the_mean_shape(subject: HeadSubject) -> str | None:
    """A head that is given the mean shape (``start_at``) starts nearer to it than by chance."""
    mean = _targets(1)[0]
    for form, module in subject.each():
        start_at = getattr(module, "start_at", None)
        if start_at is None:
            return "it defines no start_at"
        features = form.features(8)
        before = (subject.run(module, features)[0].mean(dim=0) - mean).norm()
        with must("start_at"):
            start_at(mean)
        after = (subject.run(module, features)[0].mean(dim=0) - mean).norm()
        if not after < before:
            raise CheckFailed(
                f"{form.name}: after start_at its points are {float(after):.3g} from the mean "
                f"shape, before it {float(before):.3g}"
            )
    return None


def eval_is_deterministic(subject: HeadSubject) -> None:
    """In eval mode the same features give the same output, whatever the random state."""
    for form, module in subject.each():
        features = form.features(2)
        if difference(subject.run(module, features), subject.run(module, features, 1)) > CLOSE:
            raise CheckFailed(f"{form.name}: the same features give another output the second time")


def eval_ignores_batch_mates(subject: HeadSubject) -> None:
    """In eval mode an image's output does not depend on the others in its batch."""
    with needs("outputs_are_as_declared"):
        outputs_are_as_declared(subject)
    for form, module in subject.each():
        first = subject.run(module, form.features(4))
        second = subject.run(module, form.with_other_mates(4))
        if difference([t[:1] for t in first], [t[:1] for t in second]) > CLOSE:
            raise CheckFailed(f"{form.name}: an output changes with the others in its batch")


def state_dict_round_trips(subject: HeadSubject) -> None:
    """Another module that loads its state_dict gives the same output, the mean shape included."""
    for form, module in subject.each():
        if start_at := getattr(module, "start_at", None):
            start_at(_targets(1)[0])
        module.train()
        subject.run(module, form.features(4))  # moves running statistics
        require_round_trip(module.eval(), subject.build(form, 1), subject.run_on_two(form))


def same_seed_same_init(subject: HeadSubject) -> None:
    """torch's seed decides the initial weights, and building does not set it."""
    for form in subject.taken:
        require_same_init(functools.partial(subject.build_as_is, form))


def survives_deepcopy(subject: HeadSubject) -> None:
    """``copy.deepcopy`` gives a module with the same output and tensors of its own."""
    for form, module in subject.each():
        require_deepcopy(module, subject.run_on_two(form))


def survives_pickling(subject: HeadSubject) -> None:
    """Pickled and unpickled, it is of the same class and gives the same output."""
    for form, module in subject.each():
        require_pickling(module, subject.run_on_two(form))


def overfits_four_faces(subject: HeadSubject) -> None:
    """On a small network, without dropout, it learns four drawn faces by heart."""
    form = subject.taken[0]
    spec = Backbone(build=SmallNet, input_size=SIZE)

    def model() -> LandmarkModel:
        return LandmarkModel(SmallNet(form), subject.build_as_is(form), spec, freeze=False)

    overfit(model, SIZE)


SUBJECT = HeadSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    takes_features_or_refuses_by_name,
    gives_points,
    outputs_are_as_declared,
    points_are_float32,
    every_parameter_gets_a_gradient,
    gradient_reaches_the_features,
    loss_ignores_invisible_points,
    starts_at_the_mean_shape,
    eval_is_deterministic,
    eval_ignores_batch_mates,
    state_dict_round_trips,
    same_seed_same_init,
    survives_deepcopy,
    survives_pickling,
    exports_to_onnx,
    overfits_four_faces,
)
