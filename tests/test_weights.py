"""Weights from files: tensors that fit are loaded, others are named, and no code is ever run."""

from __future__ import annotations

import hashlib
import pickle
import random
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.api import WeightsError
from zoo.tensors import file_digest, load_backbone, read_weights


class Backbone(nn.Module):
    """Convolution, batch norm with its counter, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)


@pytest.fixture
def trained() -> dict[str, Tensor]:
    network = Backbone()
    network.norm(torch.randn(8, 4, 2, 2))
    return network.state_dict()


def same(network: nn.Module, tensors: dict[str, Tensor]) -> bool:
    state = network.state_dict()
    return state.keys() == tensors.keys() and all(torch.equal(state[n], tensors[n]) for n in state)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.bin", "old.pt"])
def test_either_format_is_read(trained: dict[str, Tensor], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(trained, path)
    else:
        torch.save(trained, path, _use_new_zipfile_serialization=not name.startswith("old"))
    network = Backbone()
    assert load_backbone(network, read_weights(path), str(path)) == []
    assert same(network, trained)


@pytest.mark.parametrize(
    "nest", ["state_dict", "model", "model_state_dict", "model_state", "state_dict_ema"]
)
def test_a_state_dict_inside_a_checkpoint_is_found(
    trained: dict[str, Tensor], tmp_path: Path, nest: str
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 7, "args": {"lr": 0.1}, nest: OrderedDict(trained)}, path)
    assert read_weights(path).keys() == trained.keys()


@pytest.mark.parametrize("prefix", ["backbone.", "module.", "model.", "module.backbone."])
def test_a_wrappers_prefix_is_taken_off(trained: dict[str, Tensor], prefix: str) -> None:
    network = Backbone()
    wrapped = {prefix + name: tensor for name, tensor in trained.items()}
    assert load_backbone(network, wrapped, "file") == []
    assert same(network, trained)


def test_a_prefix_may_be_the_backbones_own(trained: dict[str, Tensor]) -> None:
    wrapper = nn.Sequential(OrderedDict(model=Backbone()))
    assert load_backbone(wrapper, trained, "file") == []
    assert torch.equal(wrapper.state_dict()["model.conv.weight"], trained["conv.weight"])


def test_unused_tensors_are_named_as_in_the_file(trained: dict[str, Tensor]) -> None:
    head = {"fc.weight": torch.ones(2, 2), "fc.bias": torch.ones(2)}
    assert load_backbone(Backbone(), trained | head, "file") == ["fc.bias", "fc.weight"]
    wrapped = {f"backbone.{name}": tensor for name, tensor in trained.items()}
    unused = load_backbone(Backbone(), wrapped | {"head.linear.weight": torch.ones(2)}, "file")
    assert unused == ["head.linear.weight"]


def test_a_missing_tensor_is_named_and_nothing_is_loaded(trained: dict[str, Tensor]) -> None:
    network = Backbone()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    del trained["norm.running_var"]
    with pytest.raises(WeightsError) as caught:
        load_backbone(network, trained, "some.pth")
    message = str(caught.value)
    assert message.startswith("some.pth: lacks 1 of the backbone's 7 tensors")
    assert "norm.running_var" in message
    assert same(network, before)


def test_weights_of_another_model_are_refused() -> None:
    other = nn.Linear(3, 2).state_dict()
    with pytest.raises(WeightsError, match=r"lacks 6 of .*first is conv.weight.*another model\?"):
        load_backbone(Backbone(), other, "other.pth")


def test_a_tensor_of_another_shape_is_named_and_nothing_is_loaded(
    trained: dict[str, Tensor],
) -> None:
    network = Backbone()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained["norm.weight"] = torch.ones(5)
    with pytest.raises(WeightsError, match=r"x: norm.weight has shape \(5,\), .* wants \(4,\)"):
        load_backbone(network, trained, "x")
    assert same(network, before)


def test_the_counter_of_older_checkpoints_may_be_missing(trained: dict[str, Tensor]) -> None:
    del trained["norm.num_batches_tracked"]
    network = Backbone()
    assert load_backbone(network, trained, "file") == []
    assert torch.equal(network.conv.weight, trained["conv.weight"])


def test_half_precision_files_fill_full_precision_models(trained: dict[str, Tensor]) -> None:
    network = Backbone()
    load_backbone(network, {n: t.half() for n, t in trained.items() if t.ndim}, "file")
    assert network.conv.weight.dtype == torch.float32
    torch.testing.assert_close(network.conv.weight, trained["conv.weight"], atol=1e-3, rtol=0)


class Hostile:
    """Writes a file when it is unpickled: code that a checkpoint smuggles in."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("name", ["evil.pth", "evil.pkl", "evil.safetensors"])
@pytest.mark.parametrize("old", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused_and_did_not_run_it(
    trained: dict[str, Tensor], tmp_path: Path, name: str, old: bool
) -> None:
    mark, path = tmp_path / "pwned", tmp_path / name
    content = {"state_dict": trained, "extra": Hostile(mark)}
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    torch.load(path.rename(tmp_path / "loaded.pth"), weights_only=False)
    assert mark.exists()  # the file is as hostile as it is meant to be


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_bare_pickle_is_refused_too(tmp_path: Path) -> None:
    mark, path = tmp_path / "pwned", tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(WeightsError, match=r"refused: .*could run its code.*safetensors"):
        read_weights(path)
    assert not mark.exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(WeightsError, match=r"module.pth: refused: .*state_dict alone"):
        read_weights(tmp_path / "module.pth")


def test_a_safetensors_file_that_broke_off_is_named(
    trained: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(trained, path)
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"w.safetensors: not a complete safetensors file"):
            read_weights(path)


def test_a_web_page_saved_as_weights_is_refused(tmp_path: Path) -> None:
    for name in ("w.pth", "w.safetensors"):
        path = tmp_path / name
        path.write_text("<!doctype html><title>404</title>")
        with pytest.raises(WeightsError, match=name):
            read_weights(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path, reason in (tmp_path / "none.pth", "no such file"), (tmp_path, "is a folder, not"):
        with pytest.raises(WeightsError, match=f"{path}: {reason}"):
            read_weights(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (torch.ones(3), "holds a Tensor, not named tensors"),
        ([torch.ones(3)], "holds a list, not named tensors"),
        ({"epoch": 3}, "holds no tensors"),
        ({}, "holds no tensors"),
    ],
)
def test_a_file_without_named_tensors_says_what_it_holds(
    tmp_path: Path, content: Any, reason: str
) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=f"w.pth: {reason}"):
        read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("old", [True, False])
def test_a_damaged_checkpoint_is_always_one_line(tmp_path: Path, old: bool) -> None:
    """Bytes change at random, as by a bad disk or an attacker: torch raises many kinds of error."""
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(4)}, path, _use_new_zipfile_serialization=not old)
    whole = path.read_bytes()
    dice = random.Random(0)
    messages = []
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(dice.choice((1, 3, 10))):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content[: dice.choice((len(content), dice.randrange(len(content))))])
        try:
            with warnings.catch_warnings(action="ignore"):
                read_weights(path)
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 200
    assert [m for m in messages if not m.startswith(f"{path}: ") or "\n" in m] == []


def test_the_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"weights" * 1000)
    assert file_digest(tmp_path / "w") == hashlib.sha256(b"weights" * 1000).hexdigest()
