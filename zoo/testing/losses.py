"""The list of checks for a loss.

Points are in landmark units, where a face is about two wide; those of the checks come from fixed
seeds, for 68, 98 and 5 points, the last without symmetry or eye corners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from zoo.api import IBUG68, WFLW98, LandmarkScheme, generic_scheme
from zoo.geometry import from_landmark_units
from zoo.model import Output
from zoo.registry import Resolved
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.modules import require_gradients
from zoo.testing.subject import Subject
from zoo.testing.tensors import noise, seeded
from zoo.training.loss import build_loss, wants_output
from zoo.training.rehearsal import computes_with_others

PointLoss = Callable[[Tensor, Tensor, Tensor], Tensor]

SCHEMES = (IBUG68, WFLW98, generic_scheme(5))
SAME = 1e-4
"""Fraction of a loss: a smaller difference comes from another order of the sums."""


class LossSubject(Subject):
    """A loss, built for each scheme."""

    @cached_property
    def losses(self) -> list[tuple[LandmarkScheme, PointLoss]]:
        _ = self.plugin
        with needs("gives_a_scalar"):
            return list(self.tried())

    def tried(self) -> Iterator[tuple[LandmarkScheme, PointLoss]]:
        """Each scheme and its loss, once it has given a scalar."""
        resolved = Resolved(self.entry, self.plugin, self.options)
        for scheme in SCHEMES:
            with must(f"building it for {len(scheme)} points"), seeded(0):
                loss = build_loss(resolved, scheme)
            if not callable(loss):
                raise CheckFailed(f"build gives a {type(loss).__name__}, which cannot be called")
            if wants_output(loss):
                loss = WithOutput(loss, made_output(self.plugin.needs, scheme))
            _require_scalar(scheme, loss)
            yield scheme, loss


class WithOutput(nn.Module):
    """A loss that takes the head's output, called with an output that is the same for all faces."""

    def __init__(self, loss: Callable[..., Tensor], output: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.loss = loss
        self.output = dict(output)

    def forward(self, points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
        output = {name: t.expand(len(points), *t.shape) for name, t in self.output.items()}
        output["points"] = from_landmark_units(points)
        return self.loss(points, target, visible, output=DeclaredOutput(output))


class DeclaredOutput(dict[str, Tensor]):
    """A head's output. Raises CheckFailed for a tensor that the loss takes without declaring it."""

    def __missing__(self, name: str) -> Tensor:
        raise CheckFailed(f"it takes the output {name}, and does not declare it in its needs")


def made_output(needs: Mapping[str, tuple[int | str, ...]], scheme: LandmarkScheme) -> Output:
    """The output of a head that a loss needs, for one face, from fixed seeds. Named sizes other
    than K are 6."""
    output = {}
    for number, (name, shape) in enumerate(needs.items()):
        sizes = [len(scheme) if side == "K" else side for side in shape]
        tensor = noise(*(6 if isinstance(s, str) else s for s in sizes), seed=50 + number)
        if name == "covariance":  # of points that are off by some hundredths of the input
            tensor = 4e-4 * (tensor @ tensor.mT + torch.eye(2))
        if name in ("visibility", "score"):
            tensor = tensor.sigmoid()
        output[name] = tensor
    return output


def _require_scalar(scheme: LandmarkScheme, loss: PointLoss) -> None:
    for count in (1, 3):
        with must(f"{count} faces of {len(scheme)} points"), seeded(0):
            cost: Any = loss(*faces(scheme, count))
        if not isinstance(cost, Tensor):
            raise CheckFailed(f"it gives a {type(cost).__name__}, no tensor")
        if cost.ndim != 0 or not cost.is_floating_point():
            raise CheckFailed(
                f"it gives {tuple(cost.shape)} {cost.dtype} for {count} faces, no scalar"
            )
        if not cost.isfinite():
            raise CheckFailed(f"it gives {float(cost)} for {count} faces")


def faces(scheme: LandmarkScheme, count: int, apart: float = 0.2) -> tuple[Tensor, Tensor, Tensor]:
    """Points and targets (count, K, 2) that differ by noise of deviation ``apart``, and a mask that
    marks all of them as visible."""
    target = noise(count, len(scheme), 2, seed=1)
    points = target + apart * noise(count, len(scheme), 2, seed=2)
    return points, target, torch.ones(count, len(scheme), dtype=torch.bool)


def value(loss: PointLoss, points: Tensor, target: Tensor, visible: Tensor, seed: int = 0) -> float:
    """The loss, computed on copies, since a loss may write into its inputs."""
    with torch.no_grad(), seeded(seed):
        return float(loss(points.clone(), target.clone(), visible.clone()))


def gradient(loss: PointLoss, points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """Gradient of the points; zeros where the loss does not depend on them."""
    points = points.clone().requires_grad_()
    with seeded(0):
        cost = loss(points * 1, target.clone(), visible.clone())
    if not cost.requires_grad:
        return torch.zeros_like(points)
    return torch.autograd.grad(cost, points, materialize_grads=True)[0]


def options_are_keyword_only(subject: LossSubject) -> None:
    """``build(**options)``: every option by name, and with a default; ``scheme`` has none."""
    require_keyword_only(subject.plugin.build, filled_in=("scheme",))


def gives_a_scalar(subject: LossSubject) -> None:
    """For 68, 98 and 5 points, and for 1 and 3 faces, it gives one finite number."""
    _ = subject.plugin
    for _ in subject.tried():
        pass


def gives_the_same_value_twice(subject: LossSubject) -> None:
    """The same points give the same value, whatever the random state."""
    for scheme, loss in subject.losses:
        inputs = faces(scheme, 3)
        first, second = value(loss, *inputs), value(loss, *inputs, seed=1)
        if not _same(first, second):
            raise CheckFailed(f"the same points cost {first:g} and then {second:g}")


def is_least_at_the_target(subject: LossSubject) -> None:
    """No points cost less than the target itself."""
    for scheme, loss in subject.losses:
        _, target, visible = faces(scheme, 3)
        least = value(loss, target, target, visible)
        for apart in (0.01, 0.1, 1.0, 10.0):
            others = [target + apart * noise(*target.shape, seed=2), (1 + apart) * target]
            others += [target + apart * torch.tensor(d) for d in ((1, 0), (-1, 0), (0, 1), (0, -1))]
            for points in others:
                cost = value(loss, points, target, visible)
                if cost < least - SAME * abs(least):
                    raise CheckFailed(
                        f"points {apart:g} landmark units off cost {cost:g}, the target {least:g}"
                    )


def gradient_at_the_target_is_finite(subject: LossSubject) -> None:
    """Where the points are right, the gradient is a number: no root or logarithm of 0."""
    for scheme, loss in subject.losses:
        _, target, visible = faces(scheme, 3)
        if not gradient(loss, target, target, visible).isfinite().all():
            raise CheckFailed("the gradient at the target is not finite")


def gradient_leads_downhill(subject: LossSubject) -> None:
    """A small step against the gradient costs less."""
    for scheme, loss in subject.losses:
        points, target, visible = faces(scheme, 3, apart=1.0)
        slope = gradient(loss, points, target, visible)
        length = float(slope.norm())
        if not length > 0:
            raise CheckFailed(f"points a whole landmark unit off have the gradient {length:g}")
        before = value(loss, points, target, visible)
        after = value(loss, points - 0.01 * slope / length, target, visible)
        if not after < before:
            raise CheckFailed(f"a step against the gradient leads from {before:g} to {after:g}")


def ignores_invisible_points(subject: LossSubject) -> None:
    """The coordinates of an invisible point, NaN and infinity too, change neither the loss nor the
    gradient."""
    for scheme, loss in subject.losses:
        points, target, visible = faces(scheme, 3)
        visible[0, ::2] = False
        visible[1] = False
        cost, slope = value(loss, points, target, visible), gradient(loss, points, target, visible)
        for strange in (float("nan"), float("inf"), 1e6):
            hidden = ~visible.unsqueeze(-1)
            for name, p, t in (
                ("target", points, target.masked_fill(hidden, strange)),
                ("prediction", points.masked_fill(hidden, strange), target),
            ):
                other_cost = value(loss, p, t, visible)
                if not _same(cost, other_cost):
                    raise CheckFailed(
                        f"with {strange:g} for the {name} of invisible points it gives "
                        f"{other_cost:g} instead of {cost:g}"
                    )
                other_slope = gradient(loss, p, t, visible)
                if not torch.allclose(slope, other_slope, rtol=SAME, atol=1e-6):
                    raise CheckFailed(
                        f"with {strange:g} for the {name} of invisible points the gradient changes"
                    )
        if bool((slope[~visible] != 0).any()):
            raise CheckFailed("the gradient moves invisible points")


def costs_nothing_without_visible_points(subject: LossSubject) -> None:
    """A batch without one visible point costs 0, with gradient 0."""
    for scheme, loss in subject.losses:
        points, target, visible = faces(scheme, 3)
        none_visible = torch.zeros_like(visible)
        cost = value(loss, points, target, none_visible)
        slope = gradient(loss, points, target, none_visible)
        if cost != 0 or bool((slope != 0).any()):
            raise CheckFailed(
                f"without a visible point it costs {cost:g}, "
                f"with a gradient of up to {float(slope.abs().max()):g}"
            )


def weighs_every_face_the_same(subject: LossSubject) -> None:
    """A batch costs the mean of its faces, whatever their order and however many of their points
    are visible."""
    for scheme, loss in subject.losses:
        points, target, visible = faces(scheme, 3)
        visible[0, 3:] = False
        batch = value(loss, points, target, visible)
        each = [
            value(loss, points[i : i + 1], target[i : i + 1], visible[i : i + 1]) for i in range(3)
        ]
        if not _same(batch, sum(each) / 3):
            raise CheckFailed(
                f"faces that cost {', '.join(f'{e:g}' for e in each)} alone cost {batch:g} "
                "together, which is not their mean"
            )


def leaves_its_inputs_alone(subject: LossSubject) -> None:
    """Points, target and visible are as they were after the call."""
    for scheme, loss in subject.losses:
        inputs = faces(scheme, 3)
        inputs[2][0, ::2] = False
        copies = [t.clone() for t in inputs]
        with torch.no_grad(), seeded(0):
            loss(*inputs)
        names = ("points", "target", "visible")
        for name, before, after in zip(names, copies, inputs, strict=True):
            if not torch.equal(before, after):
                raise CheckFailed(f"it changes the {name} that it was given")


def its_parameters_are_trained(subject: LossSubject) -> None:
    """Parameters that it computes with are those of a torch module: they are trained and saved."""
    for scheme, loss in subject.losses:
        points, target, visible = faces(scheme, 3)
        module = loss if isinstance(loss, nn.Module) else nn.Module()
        trained = [p for p in module.parameters() if p.requires_grad]
        with seeded(0):
            cost = loss(points, target, visible)
        if computes_with_others(cost, trained):
            raise CheckFailed(
                "it computes with parameters that no torch module of its own has, so they would be "
                "neither trained nor saved: build has to return a torch.nn.Module"
            )
        if trained:
            torch.autograd.backward(cost)
            require_gradients(module)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * max(abs(a), abs(b), 1e-6)


SUBJECT = LossSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    gives_a_scalar,
    gives_the_same_value_twice,
    is_least_at_the_target,
    gradient_at_the_target_is_finite,
    gradient_leads_downhill,
    ignores_invisible_points,
    costs_nothing_without_visible_points,
    weighs_every_face_the_same,
    leaves_its_inputs_alone,
    its_parameters_are_trained,
)
