"""timm:NAME: maps from architectures of every layout, honest refusals, weights by timm's names.

No test touches the network: the hub's cache is an empty folder, and the hub itself a dead port.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.api import IMAGENET_MEAN, BackboneFamily, PluginError, UsageError, WeightsError
from zoo.plugins.backbones import hub_cache, timm_networks
from zoo.plugins.backbones.timm_family import timm_family

# Convolutions, tokens, (B, h, w, C) inside, hybrids, several branches: one small model of each,
# with the channels and the cells a side of its coarsest map.
SAMPLE = {
    "resnet18": (512, 7),
    "mobilenetv3_small_100": (576, 7),
    "efficientnet_lite0": (320, 7),
    "convnext_atto": (320, 7),
    "regnetx_002": (368, 7),
    "vgg11": (512, 7),
    "hgnetv2_b0": (1024, 7),
    "hrnet_w18_small": (1024, 7),
    "fastvit_t8": (384, 8),
    "edgenext_xx_small": (168, 8),
    "vit_tiny_patch16_224": (192, 14),
    "deit_tiny_distilled_patch16_224": (192, 14),
    "mixer_s32_224": (512, 7),
    "levit_128s": (384, 4),
    "swin_tiny_patch4_window7_224": (768, 7),
    "hiera_tiny_224": (768, 7),
    "crossvit_9_240": (256, 14),
}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and a hub that does not answer."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return tmp_path


def plant(hub: Path, repository: str, model: nn.Module | None, config: dict[str, Any]) -> None:
    """Put a repository into the cache as if it had been downloaded."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    commit = "0" * 40
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    (snapshot / "config.json").write_text(json.dumps(config))
    if model is not None:
        save_file(model.state_dict(), snapshot / "model.safetensors")


def build(name: str, **options: Any) -> nn.Module:
    network: nn.Module = timm_family.resolve(name).build(**options)
    return network


@pytest.mark.parametrize("name", SAMPLE)
def test_a_model_gives_one_map_of_which_every_trained_parameter_has_a_part(name: str) -> None:
    channels, cells = SAMPLE[name]
    backbone = timm_family.resolve(name)
    size = backbone.input_size
    network = backbone.build(input_size=size)
    out = network(torch.randn(2, 3, size, size))
    assert out.shape == (2, channels, cells, cells)
    (out * torch.randn_like(out)).sum().backward()
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert [name for name, p in trained.items() if p.grad is None] == []
    assert not any(name.startswith(("fc.", "classifier.", "head.fc")) for name in trained)


def test_the_family_keeps_the_contract() -> None:
    assert isinstance(timm_family, BackboneFamily)


@pytest.mark.parametrize(
    ("name", "indices", "channels", "cells"),
    [
        ("resnet18", [1, -1], [64, 512], [16, 2]),
        ("convnext_atto", [0, 2], [40, 160], [16, 4]),
        ("swin_tiny_patch4_window7_224", [0, 3], [96, 768], [16, 2]),
        ("vit_tiny_patch16_224", 2, [192, 192], [4, 4]),
    ],
)
def test_several_maps_come_as_a_list_from_fine_to_coarse(
    name: str, indices: Any, channels: list[int], cells: list[int]
) -> None:
    maps = build(name, input_size=64, out_indices=indices)(torch.zeros(2, 3, 64, 64))
    assert [m.shape[1] for m in maps] == channels
    assert [m.shape[2] for m in maps] == cells


def test_what_comes_after_the_last_map_is_not_built() -> None:
    whole, part = build("resnet18"), build("resnet18", out_indices=[2])
    assert any(name.startswith("layer4.") for name in whole.state_dict())
    assert not any(name.startswith(("layer3.", "layer4.", "fc.")) for name in part.state_dict())


def test_the_last_map_alone_goes_through_the_final_norm() -> None:
    last = build("vit_tiny_patch16_224", input_size=64)
    assert "norm.weight" in last.state_dict()
    several = build("vit_tiny_patch16_224", input_size=64, out_indices=[5, -1])
    assert "norm.weight" not in several.state_dict()
    raw = build("vit_tiny_patch16_224", input_size=64, norm=False)
    assert "norm.weight" not in raw.state_dict()


def test_timms_own_weights_fit_by_name() -> None:
    original = timm.create_model("convnext_atto")
    network = build("convnext_atto")
    result = network.load_state_dict(original.state_dict(), strict=False)
    assert result.missing_keys == []
    assert all(name.startswith("head.") for name in result.unexpected_keys)


def test_a_copy_is_a_network_of_its_own() -> None:
    network = build("resnet18", input_size=64).eval()
    twin = copy.deepcopy(network)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(image)
        for parameter in network.parameters():
            parameter.zero_()
        torch.testing.assert_close(twin(image), before)
        assert not torch.equal(network(image), before)


def test_building_leaves_statistics_and_random_numbers_alone() -> None:
    torch.manual_seed(0)
    timm.create_model("resnet18")
    expected = torch.rand(1)
    torch.manual_seed(0)
    network = build("resnet18")
    assert torch.equal(torch.rand(1), expected)
    assert network.training
    assert torch.equal(network.get_buffer("bn1.running_mean"), torch.zeros(64))


def test_branches_that_no_map_depends_on_are_frozen() -> None:
    def frozen(network: nn.Module) -> set[str]:
        parts = (
            name.split(".")[0] for name, p in network.named_parameters() if not p.requires_grad
        )
        return set(parts)

    assert frozen(build("hrnet_w18_small")) == {"stage4", "incre_modules"}
    assert frozen(build("hrnet_w18_small", out_indices=[1, 2, 3, 4])) == set()


def test_options_go_to_timm_and_unknown_ones_are_refused() -> None:
    rates: list[Any] = [
        m.drop_prob
        for m in build("convnext_atto", drop_path_rate=0.5).modules()
        if type(m).__name__ == "DropPath"
    ]
    assert max(rates) == pytest.approx(0.5)
    with pytest.raises(UsageError, match=r"timm:resnet18: backbone\.img_size is no option"):
        build("resnet18", img_size=96)


@pytest.mark.parametrize("indices", [[5], [-6], [], "last"])
def test_maps_that_a_model_has_not_are_refused(indices: Any) -> None:
    with pytest.raises(UsageError, match="timm:resnet18: out_indices is"):
        build("resnet18", out_indices=indices)


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("vit_tiny_patch16_224", 100, "patches of 16 px .* set input_size to 96 or 112"),
        ("hrnet_w18_small", 112, "cannot work at 112 px .* its own 224"),
        ("twins_svt_small", 112, "cannot work at 112 px .* its own 224"),
    ],
)
def test_a_size_that_a_model_cannot_take_is_refused_with_one_it_takes(
    name: str, size: int, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        build(name, input_size=size)


def test_a_model_without_features_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: nn.Linear(1, 1))
    with pytest.raises(PluginError, match=r"timm:resnet18: .* gives no feature maps of Linear"):
        build("resnet18")


def test_a_model_that_gives_no_map_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Vectors(nn.Linear):
        def prune_intermediate_layers(self, indices: Any, prune_norm: bool) -> Any:
            return indices

        def forward_intermediates(self, images: Tensor, **_: Any) -> list[Tensor]:
            return [self(images.mean((2, 3)))]

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, self.weight)

    monkeypatch.setattr(timm, "create_model", lambda *_, **__: Vectors(3, 5))
    with pytest.raises(PluginError, match="timm:resnet18: gives"):
        build("resnet18")


def test_resolving_reads_timms_configuration_and_builds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timm, "create_model", None)
    backbone = timm_family.resolve("vit_tiny_patch16_384.augreg_in21k_ft_in1k")
    assert backbone.input_size == 384
    assert backbone.mean == backbone.std == (0.5, 0.5, 0.5)
    assert backbone.weights_license == "apache-2.0"
    assert "timm/vit_tiny_patch16_384.augreg_in21k_ft_in1k" in backbone.weights
    assert timm_family.resolve("legacy_seresnet18").weights.startswith("https://")


def test_every_architecture_resolves() -> None:
    backbones = [timm_family.resolve(name) for name in timm_family.names("*")]
    assert len(backbones) > 1000
    assert all(isinstance(b.reference, str) and b.input_size > 0 for b in backbones)


def test_names_are_searched_by_shell_pattern() -> None:
    assert timm_family.names("resnet18*") == ["resnet18", "resnet18d"]
    assert "resnet18.a1_in1k" in timm_family.names("resnet18.*")
    assert timm_family.names("no_such_model*") == []
    everything = timm_family.names("*")
    assert everything == sorted(everything)


def test_names_that_are_kept_are_those_of_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in a file that names timm's version; a damaged one is written again."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    file = tmp_path / f"timm-names-{timm.__version__}.json"

    def names(pattern: str) -> list[str]:
        monkeypatch.delitem(sys.modules, "timm", raising=False)  # as in another process
        return timm_family.names(pattern)

    for pattern in ("resnet1*", "resnet18.*", ""):
        assert names(pattern) == sorted({*timm.list_models(pattern), *tagged(pattern)})
    assert file.is_file()
    for damage in (b"", b"[[1], []]", b'{"a": 1}'):
        file.write_bytes(damage)
        assert "resnet18" in names("*")
        assert len(file.read_bytes()) > 10_000
    file.write_bytes(b'[["only"], []]')
    assert names("*") == ["only"]
    monkeypatch.setitem(sys.modules, "timm", timm)
    assert "only" not in timm_family.names("*"), "a program may have added to them"


def test_a_misspelt_name_is_refused_without_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "timm")
    (tmp_path / f"timm-names-{timm.__version__}.json").write_bytes(b'[["resnet18"], []]')
    monkeypatch.setitem(sys.modules, timm_networks.__name__, None)  # importing it is an error
    monkeypatch.delattr("zoo.plugins.backbones.timm_networks")
    with pytest.raises(PluginError, match="has no model resnt18; did you mean timm:resnet18"):
        timm_family.resolve("resnt18")
    with pytest.raises(ImportError):
        timm_family.resolve("resnet18")


def tagged(pattern: str) -> list[str]:
    return timm.list_pretrained(pattern) if "." in pattern else []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("convnext_tny", "timm:convnext_tiny"),
        ("resnet18.a1_in1", "timm:resnet18.a1_in1k"),
        ("local-dir:/somewhere", "zoo list 'timm:\\*'"),
    ],
)
def test_an_unknown_name_gets_close_matches(name: str, near: str) -> None:
    with pytest.raises(PluginError, match=f"has no model {name}.*{near}"):
        timm_family.resolve(name)


def test_a_model_that_was_never_published_with_weights_says_so() -> None:
    assert timm_family.resolve("resnet26t").weights
    untrained = next(n for n in timm_family.names("*") if not timm_family.resolve(n).weights)
    with pytest.raises(WeightsError, match=f"timm:{untrained}: timm knows no pretrained weights"):
        build(untrained, pretrained=True)


@pytest.mark.parametrize("name", ["resnet18", "hf-hub:timm/resnet18.a1_in1k"])
def test_pretrained_without_a_network_fails_at_once(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(Exception, match="refused"):
        build(name, pretrained=True)
    assert time.monotonic() - start < 5


def test_pretrained_weights_come_from_the_cache_without_a_network(hub: Path) -> None:
    original: Any = timm.create_model("mobilenetv3_small_050").eval()
    plant(hub, "timm/mobilenetv3_small_050.lamb_in1k", original, {})
    network = build("mobilenetv3_small_050", pretrained=True).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = original.forward_intermediates(image, indices=[-1], intermediates_only=True)[-1]
        torch.testing.assert_close(network(image), expected)


def test_a_hub_repository_is_not_fetched_unless_pretrained() -> None:
    with pytest.raises(UsageError, match="only --pretrained downloads"):
        build("hf-hub:timm/resnet18.a1_in1k")


def test_a_hub_repository_that_was_fetched_needs_no_network(hub: Path) -> None:
    original = timm.create_model("test_vit")
    config = {
        "architecture": "test_vit",
        "num_classes": original.num_classes,
        "pretrained_cfg": {
            "input_size": [3, 160, 160],
            "fixed_input_size": True,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "license": "cc0-1.0",
        },
    }
    assert timm_family.resolve("hf-hub:someone/faces").mean == IMAGENET_MEAN
    plant(hub, "someone/faces", original, config)
    backbone = timm_family.resolve("hf-hub:someone/faces")
    assert (backbone.input_size, backbone.mean[0]) == (160, 0.5)
    assert backbone.weights_license == "cc0-1.0"
    trained = backbone.build(pretrained=True).state_dict()
    torch.testing.assert_close(trained["pos_embed"], original.state_dict()["pos_embed"])
    random = backbone.build(input_size=160).state_dict()
    assert random.keys() == trained.keys()
    assert not torch.equal(random["pos_embed"], trained["pos_embed"])


def test_a_fetched_configuration_that_differs_from_the_plan_stops(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command that names a repository makes its plan before it knows the input."""
    config = {"input_size": [3, 160, 160], "mean": [0.5] * 3, "std": [0.5] * 3}
    monkeypatch.setattr(hub_cache, "require", lambda *_: None)
    monkeypatch.setattr(
        timm_networks, "load_model_config_from_hf", lambda _: (config, "test_vit", {})
    )
    with pytest.raises(WeightsError, match=r"input_size 160; give the same command again"):
        build("hf-hub:someone/faces", pretrained=True)


@pytest.mark.parametrize(
    "option",
    [
        *("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"),
        *("pretrained_custom_load", "pretrained_filter_fn", "features_only", "scriptable"),
    ],
)
def test_what_is_no_option_of_the_architecture_is_refused_by_name(option: str) -> None:
    """Some of these open files of this machine, and a downloaded record could name such files."""
    with pytest.raises(UsageError, match=rf"backbone\.{option} is no option .*--weights FILE"):
        timm_family.resolve("test_resnet").build(**{option: "/etc/passwd"})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_resnet", {"drop_path_rate": 0.1, "drop_rate": 0.1, "output_stride": 16}),
        ("test_vit", {"embed_dim": 96, "num_heads": 3, "depth": 2, "qkv_bias": False}),
        ("test_mambaout", {"drop_path_rate": 0.1}),
        ("mobilenetv4_conv_small", {"drop_path_rate": 0.05}),
    ],
)
def test_options_of_the_architecture_reach_it(name: str, options: dict[str, object]) -> None:
    assert timm_family.resolve(name).build(**options)
