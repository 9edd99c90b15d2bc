"""Every check of the list for heads finds the one thing that is wrong with a head."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "head", "zoo.heads"

SOURCE = '''
import random

import torch
from torch import nn

from zoo.api import Head, UsageError


class Linear(nn.Module):
    """A vector, a map or the coarsest of several to points about the mean shape."""

    scale = 0.2

    def __init__(self, channels, points):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.linear = nn.Linear(channels, 2 * points)
        self.register_buffer("mean", torch.zeros(points, 2))

    def start_at(self, mean_points):
        self.mean.copy_(mean_points)

    def vector(self, features):
        last = features if isinstance(features, torch.Tensor) else features[-1]
        return last.mean((2, 3)) if last.ndim == 4 else last

    def forward(self, features):
        vector = self.norm(self.vector(features).float())
        with torch.autocast("cpu", enabled=False):
            points = self.linear(vector)
        return {"points": self.scale * points.unflatten(1, (-1, 2)) + self.mean}


class Scored(Linear):
    declared_outputs = {"edges": ("K", 1)}

    def forward(self, features):
        points = super().forward(features)["points"]
        score = torch.sigmoid(points.sum(-1))
        return {"points": points, "score": score, "edges": score[..., None]}

    def loss(self, output, target, visible, point_loss):
        return 2 * point_loss((224 * output["points"] - 100) / 50, target, visible)


def of(network):
    def build(features, scheme, input_size):
        return network(features.channels[-1], len(scheme))

    return Head(build=build)


def build_on_maps(features, scheme, input_size, *, stride=8):
    if len(features.sizes) < 2:
        raise UsageError(f"head on_maps: wants several maps, got {len(features.sizes)}")
    return Linear(features.channels[-1], len(scheme))


healthy = of(Linear)
with_score = of(Scored)
on_maps = Head(build=build_on_maps)

bad_reference = Head(build=healthy.build, reference=7)


def build_by_place(features, scheme, input_size, width=64):
    return healthy.build(features, scheme, input_size)


by_place = Head(build=build_by_place)


def build_or_die(features, scheme, input_size):
    if features.is_vector:
        raise KeyError("strides")
    return healthy.build(features, scheme, input_size)


def build_or_mumble(features, scheme, input_size):
    if features.is_vector:
        raise UsageError("a map is wanted")
    return healthy.build(features, scheme, input_size)


dies_of_a_vector = Head(build=build_or_die)
mumbles = Head(build=build_or_mumble)


class WrongScore(Linear):
    def forward(self, features):
        points = super().forward(features)["points"]
        return {"points": points, "score": points.sum((1, 2))}


score_a_face = of(WrongScore)


class Visible(Linear):
    squash = staticmethod(torch.sigmoid)

    def __init__(self, channels, points):
        super().__init__(channels, points)
        self.seen = nn.Linear(channels, points)

    def forward(self, features):
        visibility = self.squash(self.seen(self.vector(features).float()))
        return {**super().forward(features), "visibility": visibility}


class Logits(Visible):
    squash = staticmethod(lambda logits: logits)


with_visibility = of(Visible)
logits_for_visibility = of(Logits)


class Backwards(Linear):
    def forward(self, features):
        points = super().forward(features)["points"]
        return {"points": points, "edges": points.mean(2).T}


edges_first = of(Backwards)


class Lengthy(Linear):
    def forward(self, features):
        points = super().forward(features)["points"]
        return {"points": points.repeat(2, 1, 1).unflatten(0, (2, len(points)))[0]}


counts_in_python = of(Lengthy)
declared = Head(build=healthy.build, outputs={"depth": ("K",)}, api_version=2)



class Misdeclared(Scored):
    declared_outputs = {"edges": ["K", 1]}


declared_amiss = of(Misdeclared)
names_points = Head(build=healthy.build, outputs={"points": ("K", 2)}, api_version=2)


class Half(Linear):
    def forward(self, features):
        return {"points": self.linear(self.norm(self.vector(features))).unflatten(1, (-1, 2))
                * 0.2 + self.mean.to(self.vector(features).dtype)}


bfloat16_points = of(Half)


class Spare(Linear):
    def __init__(self, channels, points):
        super().__init__(channels, points)
        self.heatmap = nn.Conv2d(channels, points, 1)


unused_layer = of(Spare)


class Detached(Linear):
    def vector(self, features):
        return super().vector(features).detach()


detached = of(Detached)


class Careless(Linear):
    def loss(self, output, target, visible, point_loss):
        difference = (224 * output["points"] - 100) / 50 - target
        return (difference.square() * visible[..., None]).sum() / visible.sum().clamp(min=1)


careless = of(Careless)


class Stubborn(Linear):
    scale = 1.0

    def __init__(self, channels, points):
        super().__init__(channels, points)
        self.mean.fill_(0.5)

    def start_at(self, mean_points):
        pass


wrong_start = of(Stubborn)


class Noisy(Linear):
    def forward(self, features):
        points = super().forward(features)["points"]
        return {"points": points + 0.01 * torch.randn_like(points)}


noisy = of(Noisy)


class BatchCentred(Linear):
    def forward(self, features):
        points = super().forward(features)["points"]
        centre = 0 if self.training else points.mean(0, keepdim=True)
        return {"points": points - 0.5 * centre}


batch_centred = of(BatchCentred)


class Forgetful(Linear):
    def __init__(self, channels, points):
        super().__init__(channels, points)
        self.register_buffer("mean", torch.zeros(points, 2), persistent=False)


forgets_its_start = of(Forgetful)


class Unseeded(Linear):
    def __init__(self, channels, points):
        super().__init__(channels, points)
        nn.init.constant_(self.linear.bias, 0.01 * random.random())


unseeded = of(Unseeded)


class NoCopy(Linear):
    def __deepcopy__(self, memo):
        raise TypeError("there can be only one")


no_copy = of(NoCopy)


class Lambda(Linear):
    def __init__(self, channels, points):
        super().__init__(channels, points)
        self.activation = lambda x: x

    def __deepcopy__(self, memo):
        twin = Lambda(self.linear.in_features, len(self.mean))
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)


unpicklable = of(Lambda)


class Weak(Linear):
    def forward(self, features):
        return {"points": self.mean + 1e-6 * super().forward(features)["points"]}


stays_at_the_mean = of(Weak)
'''

BROKEN = {
    "bad_reference": ("declares_valid_facts", "Head.reference is 7: a text is wanted"),
    "by_place": ("options_are_keyword_only", "(features, scheme, input_size, *, width=...)"),
    "dies_of_a_vector": ("takes_features_or_refuses_by_name", "a vector: it raises KeyError"),
    "mumbles": ("takes_features_or_refuses_by_name", "without its name: 'a map is wanted'"),
    "score_a_face": ("gives_points", '"score" is (1,), not (1, 68)'),
    "logits_for_visibility": ("gives_points", '"visibility" is no probability: -'),
    "edges_first": ("outputs_are_as_declared", '"edges" is (68, 2) for 2 images; its first'),
    "declared": ("outputs_are_as_declared", 'declares "depth", and does not give it'),
    "declared_amiss": ("outputs_are_as_declared", "edges: a tuple of whole numbers above 0"),
    "names_points": ("declares_valid_facts", "points has its meaning already"),
    "counts_in_python": ("exports_to_onnx", "it holds on to the size of the batch: unflatten in "),
    "bfloat16_points": ("points_are_float32", "under autocast points are torch.bfloat16"),
    "unused_layer": ("every_parameter_gets_a_gradient", "heatmap.weight, heatmap.bias"),
    "detached": ("gradient_reaches_the_features", "no gradient reaches it"),
    "careless": ("loss_ignores_invisible_points", "with nan for the target"),
    "wrong_start": ("starts_at_the_mean_shape", "after start_at its points are"),
    "noisy": ("eval_is_deterministic", "another output the second time"),
    "batch_centred": ("eval_ignores_batch_mates", "changes with the others in its batch"),
    "forgets_its_start": ("state_dict_round_trips", "neither a parameter nor a buffer"),
    "unseeded": ("same_seed_same_init", "differ, first in linear.bias"),
    "no_copy": ("survives_deepcopy", "raises TypeError: there can be only one"),
    "unpicklable": ("survives_pickling", "pickle raises"),
    "stays_at_the_mean": ("overfits_four_faces", "the loss on four faces is still"),
}


@pytest.mark.parametrize("plugin", ["healthy", "with_score", "with_visibility", "on_maps"])
def test_a_healthy_head_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 20


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_head_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert list(found) == [check]
    assert words in found[check]


def test_each_check_has_a_head_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", "head")]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)


def test_a_head_of_maps_is_offered_maps_of_its_stride() -> None:
    from zoo.testing.small_net import forms

    assert [form.strides for form in forms(8)] == [(8, 16, 32), (8,), (16,)]
    assert [form.strides for form in forms(16)] == [(16, 32), (16,)]
    assert [form.strides for form in forms(None)] == [(32,), (), (8, 16, 32)]
