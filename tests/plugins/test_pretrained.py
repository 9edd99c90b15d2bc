"""Pretrained weights: loaded where they are available; elsewhere the error names another way.

A local server replaces torchvision's, and the hub's cache replaces the hub.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from loopback import answering
from safetensors.torch import save_file
from torch import nn
from torchvision.models import ResNet152_Weights
from torchvision.models.resnet import BasicBlock, ResNet

# Imported before a test moves torchvision's addresses: the plugin reads them when it is imported.
import zoo.plugins.backbones.torchvision_models  # noqa: F401
from zoo.api import WeightsError, generic_scheme
from zoo.model import BuiltModel, ModelPlan, build_model


def build(backbone: str, freeze: bool = False, input_size: int = 32) -> BuiltModel:
    plan = ModelPlan.of(backbone, pretrained=True, freeze=freeze, input_size=input_size)
    return build_model(plan, generic_scheme(5))


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches; the hub and torchvision's server are closed ports of this machine."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    address = "http://127.0.0.1:9/resnet152-f82ba261.pth"
    monkeypatch.setattr(ResNet152_Weights.IMAGENET1K_V2.value, "url", address)
    return tmp_path


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("resnet152", "https://download.pytorch.org/models/resnet152-f82ba261.pth"),
        (
            "timm:test_resnet",
            "https://huggingface.co/timm/test_resnet.r160_in1k/resolve/main/model.safetensors",
        ),
    ],
)
@pytest.mark.usefixtures("no_network")
def test_pretrained_without_a_network_names_the_file_and_the_way_round(
    backbone: str, file: str
) -> None:
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        build(backbone)
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert message.startswith(f"{backbone}: cannot load its pretrained weights {file}")
    assert "--weights FILE" in message
    assert "\n" not in message


def test_a_backbone_without_pretrained_weights_says_so() -> None:
    with pytest.raises(WeightsError, match=r"custom_cnn: has no pretrained weights; .*--weights"):
        build("custom_cnn", input_size=0)


@pytest.fixture
def small_resnet(monkeypatch: pytest.MonkeyPatch) -> ResNet:
    """torchvision's resnet152 with one block a stage: the same names, a fiftieth of the bytes."""
    monkeypatch.setattr(torchvision.models, "resnet152", lambda: ResNet(BasicBlock, [1, 1, 1, 1]))
    torch.manual_seed(7)
    return ResNet(BasicBlock, [1, 1, 1, 1])


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, no_network: Path) -> Iterator[Any]:
    """``serve(path, content)``: torchvision's weights of resnet152 are now at this address."""
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with answering(Handler) as address:

        def publish(path: str, content: bytes) -> None:
            files[path] = content
            url = f"{address}{path}"
            monkeypatch.setattr(ResNet152_Weights.IMAGENET1K_V2.value, "url", url)

        yield publish


def checkpoint(model: nn.Module) -> tuple[str, bytes]:
    """A file as torchvision publishes them: its name holds the start of its hash."""
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    content = stream.getvalue()
    return f"/resnet152-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


def test_torchvisions_pretrained_weights_are_downloaded_checked_and_loaded(
    serve: Any, small_resnet: ResNet
) -> None:
    serve(*checkpoint(small_resnet))
    built = build("resnet152", freeze=True)
    published = small_resnet.state_dict()
    for name, tensor in built.model.backbone.state_dict().items():
        assert torch.equal(tensor, published[name])
    assert built.weights.startswith("pretrained: https://download.pytorch.org/models/resnet152-")


def test_a_download_that_is_not_what_its_name_says_is_refused(
    serve: Any, small_resnet: ResNet, no_network: Path
) -> None:
    path, content = checkpoint(small_resnet)
    serve(path, content[:-10] + b"0123456789")
    with pytest.raises(WeightsError, match=r"resnet152: cannot load .*invalid hash value"):
        build("resnet152")
    assert not list(no_network.rglob("*.pth"))


@pytest.mark.usefixtures("small_resnet")
def test_a_file_that_is_no_longer_there_is_a_clear_error(serve: Any) -> None:
    serve("/resnet152-00000000.pth", b"")
    with pytest.raises(WeightsError, match=r"resnet152: cannot load .*HTTP Error 404"):
        build("resnet152")


def test_timms_pretrained_weights_are_loaded_from_the_hubs_cache(no_network: Path) -> None:
    donor = timm.create_model("test_resnet")
    folder = no_network / "hub" / "models--timm--test_resnet.r160_in1k"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text(json.dumps({}))
    save_file(donor.state_dict(), snapshot / "model.safetensors")
    built = build("timm:test_resnet")
    for name, tensor in built.model.backbone.state_dict().items():
        assert torch.equal(tensor, donor.state_dict()[name])
    assert built.weights.startswith("pretrained: https://huggingface.co/timm/test_resnet")
