"""Every check of the list for backbones finds the one thing that is wrong with a backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.testing import Outcome, checks, run

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "backbone", "zoo.backbones"

SOURCE = '''
import random

import torch
from torch import nn

from zoo.api import Backbone, WeightsError


class Net(nn.Module):
    """Images of 32 pixels to a map (B, 16, 4, 4)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, stride=4)
        self.norm = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Conv2d(16, 16, 3, stride=2, padding=1)

    def forward(self, x):
        return self.last(self.drop(self.norm(self.stem(x)).relu()))


def of(network, **facts):
    def build(*, pretrained=False):
        if pretrained:
            raise WeightsError("there are no weights")
        return network()

    return Backbone(build=build, **{"input_size": 32, **facts})


class Vector(Net):
    def forward(self, x):
        return super().forward(x).flatten(1)


class Maps(Net):
    def forward(self, x):
        fine = self.norm(self.stem(x)).relu()
        return [fine, self.last(fine)]


healthy = of(Net)
vector = of(Vector)
maps = of(Maps)

bad_mean = of(Net, mean=(123.7, 116.3, 103.5))
bad_licence = of(Net, license=None)


def build_by_place(pretrained=False):
    return of(Net).build(pretrained=pretrained)


by_place = Backbone(build=build_by_place, input_size=32)


def build_without_pretrained(**options):
    return of(Net).build(**options)


def build_pretrained_by_default(*, pretrained=True):
    return of(Net).build(pretrained=False)


open_ended = Backbone(build=build_without_pretrained, input_size=32)


class Fixed(Net):
    def forward(self, x):
        assert x.shape[2] == 24, "I take 24 pixels"
        return super().forward(x)


wrong_size = of(Fixed)


class Reversed(Net):
    def forward(self, x):
        y = super().forward(x)
        return [y, nn.functional.interpolate(y, scale_factor=2)]


class Auxiliary(Net):
    def forward(self, x):
        y = super().forward(x)
        return [y, y.mean((2, 3), keepdim=True)] if self.training else y


class Tokens(Net):
    def forward(self, x):
        return super().forward(x).flatten(2)


coarse_first = of(Reversed)
other_in_training = of(Auxiliary)
tokens = of(Tokens)


class Pyramid(nn.Module):
    """Maps of strides 4, 8 and 16 of 32 pixels."""

    def __init__(self, strides):
        super().__init__()
        self.strides = strides
        self.steps = nn.ModuleList(
            [nn.Conv2d(3, 16, 4, stride=4), *(nn.Conv2d(16, 16, 2, stride=2) for _ in range(2))])
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        maps = {}
        for stride, step in zip((4, 8, 16), self.steps):
            x = step(x)
            x = maps[stride] = self.norm(x).relu() if stride == 4 else x
        return [maps[s] for s in self.strides] if len(self.strides) > 1 else x


def build_pyramid(*, pretrained=False, stride=None):
    if pretrained:
        raise WeightsError("there are no weights")
    return Pyramid([s for s in (4, 8, 16) if stride and s >= stride] or [16])


def build_deaf(*, pretrained=False, stride=None):
    return build_pyramid(pretrained=pretrained, stride=4 if stride else None)


def build_short(*, pretrained=False, stride=None):
    net = build_pyramid(pretrained=pretrained, stride=stride)
    net.strides = net.strides[:2]
    return net


pyramid = Backbone(build=build_pyramid, input_size=32)
deaf_to_stride = Backbone(build=build_deaf, input_size=32)
not_to_the_coarsest = Backbone(build=build_short, input_size=32)


class Double(Net):
    def forward(self, x):
        return super().forward(x).double()


doubles = of(Double)


class Standardised(Net):
    def forward(self, x):
        return super().forward((x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True))


nan_for_flat = of(Standardised)


class Pairs(Net):
    def forward(self, x):
        if len(x) == 1:
            return super().forward(x)
        return torch.cat([super(Pairs, self).forward(half) for half in x.view(2, -1, *x.shape[1:])])


in_pairs = of(Pairs)


class Lengthy(Net):
    def forward(self, x):
        maps = super().forward(x)
        return maps.reshape(len(x), *maps.shape[1:])


counts_in_python = of(Lengthy)


class Spare(Net):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(16, 1000)


class Frozen(Spare):
    def __init__(self):
        super().__init__()
        self.classifier.requires_grad_(False)


unused_layer = of(Spare)


class EveryOther(Net):
    def __init__(self, **options):
        super().__init__(**options)
        self.extra = nn.Conv2d(3, 3, 1)
        self.turn = 0

    def forward(self, x):
        self.turn += self.training
        return super().forward(x if self.turn % 3 == 2 else x + self.extra(x))


every_other = of(EveryOther)
frozen_layer = of(Frozen)


class Noisy(Net):
    def forward(self, x):
        y = super().forward(x)
        return y + 0.1 * torch.randn_like(y)


noisy = of(Noisy)


class BatchCentred(Net):
    def forward(self, x):
        y = super().forward(x)
        return y if len(y) == 1 else y - y.mean(0, keepdim=True)


batch_centred = of(BatchCentred)


class Projected(Net):
    def __init__(self):
        super().__init__()
        self.projection = torch.randn(16, 16)

    def forward(self, x):
        return torch.einsum("bchw,cd->bdhw", super().forward(x), self.projection)


hidden_state = of(Projected)


class Unseeded(Net):
    def __init__(self):
        super().__init__()
        # Too little to disturb the training that another check does.
        nn.init.constant_(self.last.bias, 1e-3 * random.random())


class Reseeding(Net):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__()


unseeded = of(Unseeded)
reseeding = of(Reseeding)


class NoCopy(Net):
    def __deepcopy__(self, memo):
        raise TypeError("there can be only one")


class Shared(Net):
    def __deepcopy__(self, memo):
        return self


no_copy = of(NoCopy)
shared_copy = of(Shared)


def local_class():
    class Local(Net):
        pass

    return Local()


unpicklable = of(local_class)


def build_silently(*, pretrained=False):
    return Net()


silent = Backbone(build=build_silently, input_size=32)
silent_with_weights = Backbone(build=build_silently, input_size=32, weights="https://example.org/w")


def build_from_cache(*, pretrained=False):
    net = Net()
    if pretrained:
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(torch.linspace(-1, 1, p.numel()).view_as(p))
    return net


cached_weights = Backbone(build=build_from_cache, input_size=32, weights="https://example.org/w")


def build_after_download(*, pretrained=False):
    if pretrained:
        import urllib.request

        urllib.request.urlopen("https://example.org/w", timeout=5)
    return Net()


downloads = Backbone(build=build_after_download, input_size=32, weights="https://example.org/w")


class Blind(Net):
    """Gets gradients everywhere, and never sees the picture."""

    def __init__(self):
        super().__init__()
        self.say = nn.Parameter(torch.zeros(16))

    def forward(self, x):
        return 1e-6 * super().forward(x).mean((2, 3)) + self.say


blind = of(Blind)


class Droppy(Net):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.95)


strong_dropout = of(Droppy)
'''

BROKEN = {
    "bad_mean": ("declares_valid_facts", "Backbone.mean is (123.7, 116.3, 103.5): it is of RGB"),
    "bad_licence": ("declares_valid_facts", "license is None: a text is wanted"),
    "by_place": ("options_are_keyword_only", "put a star before: (*, pretrained=...)"),
    "coarse_first": ("output_rank", "(4, 16, 4, 4), (4, 16, 8, 8), not from fine to coarse"),
    "other_in_training": ("output_rank", "in eval mode and"),
    "tokens": ("output_rank", "(4, 16, 16), not (B, C), (B, C, h, w) or a list of maps"),
    "deaf_to_stride": ("output_rank", "(1, 16, 2, 2), the first finer than 2 cells a side"),
    "not_to_the_coarsest": ("output_rank", "the coarser maps should be the same"),
    "doubles": ("output_dtype", "torch.float64 for images of torch.float32"),
    "nan_for_flat": ("output_is_finite", "a picture of the mean colour gives numbers"),
    "in_pairs": ("batch_sizes", "a batch of 3 raises RuntimeError: shape '[2, -1, 3, 32, 32]'"),
    "unused_layer": (
        "every_parameter_gets_a_gradient",
        "2 of 8 trainable parameters get no gradient, so they would never learn: "
        "classifier.weight, classifier.bias",
    ),
    "noisy": ("eval_is_deterministic", "give another output the second time"),
    "batch_centred": ("eval_ignores_batch_mates", "changes with the others in its batch"),
    "hidden_state": ("state_dict_round_trips", "neither a parameter nor a buffer"),
    "unseeded": ("same_seed_same_init", "differ, first in last.bias"),
    "reseeding": ("same_seed_same_init", "building it seeds torch"),
    "no_copy": ("survives_deepcopy", "raises TypeError: there can be only one"),
    "shared_copy": ("survives_deepcopy", "shares its tensors with the original"),
    "unpicklable": ("survives_pickling", "local_class.<locals>.Local"),
    "silent": ("honest_about_pretrained", "builds without complaint, and `weights` says"),
    "silent_with_weights": ("honest_about_pretrained", "random weights: 100% of them change"),
    "counts_in_python": ("exports_to_onnx", "it holds on to the size of the batch: reshape in "),
    "blind": ("overfits_four_faces", "the loss on four faces is still"),
}


HEALTHY = ["healthy", "vector", "maps", "pyramid", "frozen_layer", "open_ended", "strong_dropout"]


@pytest.mark.parametrize("plugin", HEALTHY)
def test_a_healthy_backbone_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 19


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_backbone_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert list(found) == [check]
    assert words in found[check]


def test_each_check_has_a_backbone_that_fails_it() -> None:
    elsewhere = {  # in test_kit, and below
        "found_through_metadata",
        "import_leaves_no_trace",
        "declared_input_size_works",
        "trains_in_two_processes",
    }
    named = [check.name for check in checks("healthy", "backbone")]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)


@pytest.mark.parametrize(
    ("plugin", "status", "words"),
    [
        ("maps", "ok", ""),
        (
            "every_other",
            "failed",
            "two processes cannot train it: RuntimeError: Expected to",
        ),
    ],
)
def test_two_processes_show_a_layer_that_is_left_out_now_and_then(
    planted: Path, plugin: str, status: str, words: str
) -> None:
    [check] = [c for c in checks(plugin, "backbone") if c.name == "trains_in_two_processes"]
    found = run(check)
    assert found.status == status, found.message
    assert words in found.message


def test_a_backbone_that_cannot_be_run_fails_once(
    outcomes: Callable[..., list[Outcome]],
) -> None:
    found = {o.check.name: o for o in outcomes("wrong_size")}
    reason = "an image of its declared 32 x 32 px raises AssertionError: I take 24 pixels"
    assert found["declared_input_size_works"].status == "failed"
    assert found["declared_input_size_works"].message == reason
    others = [o.check.name for o in found.values() if o.status == "failed"]
    assert others == ["declared_input_size_works"]
    assert found["output_rank"].status == "not run"
    assert found["output_rank"].message.startswith("needs declared_input_size_works: ")


def test_weights_from_a_cache_are_honest(failures: Callable[..., dict[str, str]]) -> None:
    assert failures("cached_weights") == {}


def test_a_download_finds_the_network_closed(failures: Callable[..., dict[str, str]]) -> None:
    # It would otherwise wait for a server, and the weights would be random if it answered.
    assert failures("downloads") == {}


def test_options_reach_the_backbone(outcomes: Callable[..., list[Outcome]]) -> None:
    found = {o.check.name: o for o in outcomes("healthy", options={"width": 8})}
    assert found["declared_input_size_works"].status == "failed"
    assert (
        "backbone healthy: got an unexpected keyword" in found["declared_input_size_works"].message
    )
