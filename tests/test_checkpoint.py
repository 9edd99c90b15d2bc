"""Files of a run: complete or absent, read back bit by bit, and never trusted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from zoo.api import WeightsError
from zoo.tensors import (
    file_digest,
    load_header,
    load_tensors,
    pack_optimizer,
    read_weights,
    save_tensors,
    unpack_optimizer,
    with_prefix,
    without_prefix,
)

TENSORS = {
    "weight": torch.randn(3, 4, 5, 5),
    "counter": torch.tensor(7),
    "half": torch.randn(4).bfloat16(),
    "mask": torch.tensor([True, False]),
    "empty": torch.zeros(0, 3),
}
HEADER = {"epoch": 3, "best": 0.1 + 0.2, "none": None, "names": ["é", "\n"], "deep": {"x": [1, 2]}}


def test_tensors_and_header_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.safetensors"
    save_tensors(path, TENSORS, HEADER)
    tensors, header = load_tensors(path)
    assert header == HEADER
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_tensors_of_any_layout_and_with_gradients_are_saved(tmp_path: Path) -> None:
    odd = {
        "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "transposed": torch.randn(3, 4).T,
        "view": torch.randn(10)[2:5],
        "parameter": nn.Parameter(torch.randn(3)),
    }
    save_tensors(tmp_path / "x", odd, {})
    for name, tensor in load_tensors(tmp_path / "x")[0].items():
        assert torch.equal(tensor, odd[name])


def test_a_model_with_tied_weights_is_saved(tmp_path: Path) -> None:
    model = nn.ModuleDict({"one": nn.Linear(3, 3)})
    model["same"] = model["one"]
    save_tensors(tmp_path / "x", model.state_dict(), {})
    model.load_state_dict(load_tensors(tmp_path / "x")[0])


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"epoch": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        save_tensors(path, TENSORS, {"epoch": 2})
    assert caught.value.filename == str(path)
    assert load_tensors(path)[1] == {"epoch": 1}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


WRITER = """
import sys, torch
from pathlib import Path
from zoo.tensors import save_tensors
tensors = {str(k): torch.full((400_000,), float(k)) for k in range(4)}
for epoch in range(10_000):
    save_tensors(Path(sys.argv[1]), tensors, {"epoch": epoch})
    if epoch == 3:
        print("writing", flush=True)
"""


def test_a_writer_that_was_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        os.kill(writer.pid, signal.SIGKILL)
    tensors, header = load_tensors(path)
    assert header["epoch"] >= 3
    assert [float(tensors[str(k)].mean()) for k in range(4)] == [0, 1, 2, 3]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none.safetensors: no such file"):
        load_tensors(tmp_path / "none.safetensors")


def test_a_foreign_file_is_told_from_the_zoos(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"not written by the zoo; --weights takes foreign"):
        load_tensors(tmp_path / "x.safetensors")


@pytest.mark.parametrize("header", ["", "{", "[1]", "5", "null", "[" * 100_000], ids=range(6))
def test_a_header_that_is_no_table_is_refused(tmp_path: Path, header: str) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors", metadata={"zoo": header})
    with pytest.raises(WeightsError, match=r"x.safetensors: "):
        load_tensors(tmp_path / "x.safetensors")


def test_a_file_that_broke_off_or_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, HEADER)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    table = json.loads(whole[8 : 8 + length])
    table["weight"]["data_offsets"] = [0, 2**60]
    text = json.dumps(table).encode()
    lie = len(text).to_bytes(8, "little") + text + whole[8 + length :]
    huge = (2**62).to_bytes(8, "little") + whole[8:]
    for content in (b"", whole[:4], whole[:200], whole[:-1], lie, huge, b"PK\x03\x04" + whole):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="not a complete safetensors file"):
            load_tensors(path)


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        model(torch.randn(4, 3, 6, 6, generator=generator)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.Adam, {"fused": True}),
        (torch.optim.AdamW, {"amsgrad": True}),
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
        (torch.optim.SGD, {}),
    ],
    ids=["adam", "adamw", "momentum", "sgd"],
)
def test_an_optimiser_goes_on_in_the_same_bits(
    tmp_path: Path, kind: Any, options: dict[str, Any]
) -> None:
    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        groups = [
            {"params": [model.weight], "weight_decay": 0.1, "initial_lr": 0.01},
            {"params": [model.bias], "weight_decay": 0.0, "initial_lr": 0.01},
        ]
        return model, kind(groups, 0.01, **options)

    model, optimizer = start()
    steps(model, optimizer, 1, 3)
    tensors, rest = pack_optimizer(optimizer)
    everything = with_prefix("model", model.state_dict()) | with_prefix("optimizer", tensors)
    save_tensors(tmp_path / "x", everything, {"optimizer": rest})
    steps(model, optimizer, 2, 3)

    stored, header = load_tensors(tmp_path / "x")
    again, other = start()
    again.load_state_dict(without_prefix("model", stored))
    unpack_optimizer(other, without_prefix("optimizer", stored), header["optimizer"])
    steps(again, other, 2, 3)
    for mine, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert other.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]


def test_prefixes_keep_apart_what_has_one_name() -> None:
    a, b = {"x": torch.ones(1)}, {"x": torch.zeros(1), "a/x": torch.ones(2)}
    both = with_prefix("a", a) | with_prefix("b", b)
    assert without_prefix("a", both) == a
    assert without_prefix("b", both).keys() == b.keys()


@pytest.mark.parametrize("key", ["lr", "betas", "params"])
def test_an_optimiser_that_holds_other_things_is_refused(key: str) -> None:
    net = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(net.parameters())
    tensors, rest = pack_optimizer(optimizer)
    rest["groups"][0][key] = "nonsense"
    with pytest.raises(ValueError, match=key):
        unpack_optimizer(optimizer, tensors, rest)


def test_a_flipped_bit_of_a_number_or_a_header_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, HEADER)
    whole = path.read_bytes()
    for place in (whole.index(b'\\"epoch\\": 3') + 11, len(whole) - 40, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(WeightsError, match=r"x\.safetensors: is damaged"):
            load_tensors(path)


def test_a_file_of_an_older_zoo_has_no_digest_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(2)}, path, metadata={"zoo": json.dumps(HEADER)})
    assert load_tensors(path)[1] == HEADER


@pytest.mark.parametrize("read", [load_tensors, load_header, read_weights, file_digest])
def test_a_file_larger_than_any_network_is_not_read(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "best.safetensors"
    save_tensors(path, TENSORS, HEADER)
    with path.open("r+b") as stream:
        stream.truncate(100 << 30)
    with pytest.raises(WeightsError, match=r"holds 100\.0 GiB.*ZOO_MAX_GIB, now 2"):
        read(path)


def test_a_checkpoint_that_unpacks_to_more_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"a": torch.zeros(40 << 20)}, tmp_path / "x.pth")
    with (
        zipfile.ZipFile(tmp_path / "x.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for each in plain.infolist():
            bomb.writestr(each.filename, plain.read(each))
    monkeypatch.setenv("ZOO_MAX_GIB", "0.01")
    with pytest.raises(WeightsError, match=r"bomb\.pth: holds 0\.2 GiB"):
        read_weights(tmp_path / "bomb.pth")
