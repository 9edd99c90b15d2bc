"""Every check of the list for losses finds the one thing that is wrong with a loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "loss", "zoo.losses"

SOURCE = '''
import torch

from zoo.api import Loss


def mean(cost, visible):
    """Over a face's visible points, then over the faces that have any; cost is (B, K)."""
    count = visible.sum(1)
    of_each = torch.where(visible, cost, 0.0).sum(1) / count.clamp(min=1)
    return of_each.sum() / (count > 0).sum().clamp(min=1)


def apart(points, target, visible):
    return torch.where(visible[..., None], points - target, 0.0)


def squared(points, target, visible):
    return mean(apart(points, target, visible).square().mean(-1), visible)


def of(loss):
    def build():
        return loss

    return Loss(build=build)


def build_scaled(*, scheme, weight=1.0):
    return lambda p, t, v: weight / len(scheme) * squared(p, t, v)


healthy = of(squared)
scaled = Loss(build=build_scaled)

no_summary = Loss(build=lambda: squared, summary=None)


def build_by_place(weight=1.0):
    return squared


def build_bare(*, weight):
    return squared


by_place = Loss(build=build_by_place)
bare_option = Loss(build=build_bare)


def of_each_face(points, target, visible):
    return apart(points, target, visible).square().mean((1, 2))


not_reduced = of(of_each_face)


def sixty_eight(points, target, visible):
    return squared(points.reshape(-1, 68, 2), target.reshape(-1, 68, 2), visible)


only_68 = of(sixty_eight)


def jittered(points, target, visible):
    return squared(points, target, visible) * (1 + 0.1 * torch.rand(()))


random = of(jittered)


def off_target(points, target, visible):
    return squared(points, target + 0.1, visible)


shifted = of(off_target)


def distance(points, target, visible):
    return mean(apart(points, target, visible).square().sum(-1).sqrt(), visible)


root = of(distance)


class Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


def uphill(points, target, visible):
    return squared(Backwards.apply(points), target, visible)


wrong_sign = of(uphill)


def masked_late(points, target, visible):
    return mean((points - target).square().mean(-1) * visible, visible)


def multiplied(points, target, visible):
    cost = (points - target).square().mean(-1) * visible
    count = visible.sum(1)
    return (cost.sum(1) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


lets_nan_through = of(multiplied)


def divided(points, target, visible):
    count = visible.sum(1)
    cost = apart(points, target, visible).square().mean(-1).sum(1) / count.clamp(min=1)
    faces = count > 0
    return cost.sum() / faces.sum()


nan_for_nothing = of(divided)


def first_counts_double(points, target, visible):
    costs = [squared(p[None], t[None], v[None]) for p, t, v in zip(points, target, visible)]
    seen = visible.any(1).sum().clamp(min=1)
    weights = torch.linspace(1.5, 0.5, len(costs)) if len(costs) > 1 else torch.ones(1)
    return (torch.stack(costs) * weights).sum() / seen


first_face_counts_more = of(first_counts_double)


def by_points(points, target, visible):
    cost = apart(points, target, visible).square().mean(-1)
    return cost.sum() / visible.sum().clamp(min=1)


pooled_over_points = of(by_points)


def in_place(points, target, visible):
    target[~visible] = 0.0
    target += 1e-3
    return squared(points, target - 1e-3, visible)


writes = of(in_place)
weight = torch.nn.Parameter(torch.ones(()))
hides = of(lambda points, target, visible: weight.square() * squared(points, target, visible))


class Weighed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, points, target, visible):
        return self.weight.square() * squared(points, target, visible)


learned = Loss(build=lambda: Weighed())
'''

BROKEN = {
    "no_summary": ("declares_valid_facts", "Loss.summary is None: a text is wanted"),
    "by_place": ("options_are_keyword_only", "weight can be given by place"),
    "not_reduced": ("gives_a_scalar", "it gives (1,) torch.float32 for 1 faces, no scalar"),
    "only_68": ("gives_a_scalar", "1 faces of 98 points raises RuntimeError"),
    "random": ("gives_the_same_value_twice", "the same points cost"),
    "shifted": ("is_least_at_the_target", "the target 0.01"),
    "root": ("gradient_at_the_target_is_finite", "the gradient at the target is not finite"),
    "wrong_sign": ("gradient_leads_downhill", "a step against the gradient leads from"),
    "lets_nan_through": ("ignores_invisible_points", "with nan for the target of invisible points"),
    "nan_for_nothing": ("costs_nothing_without_visible_points", "it costs nan"),
    "first_face_counts_more": ("weighs_every_face_the_same", "together, which is not their mean"),
    "pooled_over_points": ("weighs_every_face_the_same", "together, which is not their mean"),
    "writes": ("leaves_its_inputs_alone", "it changes the target that it was given"),
    "hides": ("its_parameters_are_trained", "computes with parameters that no torch module"),
}


@pytest.mark.parametrize("plugin", ["healthy", "scaled", "learned"])
def test_a_healthy_loss_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 14


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_loss_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert list(found) == [check]
    assert words in found[check]


def test_each_check_has_a_loss_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", "loss")]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)


def test_a_loss_that_cannot_be_built_without_options(
    outcomes: Callable[..., list[Outcome]],
) -> None:
    found = {o.check.name: o for o in outcomes("bare_option")}
    assert "weight has no default" in found["options_are_keyword_only"].message
    assert found["gives_a_scalar"].status == "failed"
    assert found["is_least_at_the_target"].status == "not run"
    with_it = outcomes("bare_option", options={"weight": 1.0})
    assert [o.check.name for o in with_it if o.status != "ok"] == ["options_are_keyword_only"]


def test_options_reach_the_loss(outcomes: Callable[..., list[Outcome]]) -> None:
    assert all(o.as_expected for o in outcomes("scaled", options={"weight": 2.0}))
    found = {o.check.name: o for o in outcomes("scaled", options={"wieght": 2.0})}
    assert "its options are loss.weight" in found["gives_a_scalar"].message
