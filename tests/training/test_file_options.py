"""Options of plugins that are files: a path names the file, and its content identifies it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from zoo.api import UsageError
from zoo.evaluation.records import load_record
from zoo.files import zoo_home
from zoo.runs.trained import load_trained
from zoo.training import run

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit, Plant

SOURCE = """
from pathlib import Path

import torch
from torch import nn

from zoo.api import Head, Loss


class Shifted(nn.Module):
    "Points of a linear layer, shifted by the number in a file."

    def __init__(self, channels, points, prior):
        super().__init__()
        self.shift = float(Path(prior).read_text()) if prior else 0.0
        self.out = nn.Linear(channels, 2 * points)

    def forward(self, features):
        points = self.out(features.mean((2, 3))).sigmoid().unflatten(1, (-1, 2))
        return {"points": points + self.shift}


def build(features, scheme, input_size, *, prior=""):
    return Shifted(features.channels[-1], len(scheme), prior)


head = Head(build=build, files=("prior",), api_version=2)
undeclared = Head(build=build)
"""


@pytest.fixture
def prior(plant: Plant, tmp_path: Path) -> Path:
    plant("Shifting", {"zoo.heads": {"shifted": "head", "sly": "undeclared"}}, SOURCE)
    path = tmp_path / "prior.txt"
    path.write_text("0.25")
    return path


def test_a_run_keeps_the_file_and_goes_on_without_its_path(kit: Kit, prior: Path) -> None:
    digest = hashlib.sha256(b"0.25").hexdigest()
    folder = kit.train(f"head.prior={prior}", head="shifted", epochs=1)
    record = load_record(folder.record)
    assert record.raw["config"]["options"]["head"]["prior"] == f"sha256:{digest}"
    assert str(prior) not in (folder.path / "config.toml").read_text()
    prior.unlink()
    head = load_trained(folder).model.head
    assert head.get_submodule("out").in_features == 12
    assert head.__dict__["shift"] == 0.25
    run.resume(folder.path, epochs=2)
    assert load_record(folder.record).epochs == 2


def test_two_paths_of_one_file_are_one_row(kit: Kit, prior: Path) -> None:
    twin = prior.with_name("twin.txt")
    twin.write_text("0.25")
    other = prior.with_name("other.txt")
    other.write_text("0.5")
    runs = [
        kit.train(f"head.prior={path}", head="shifted", epochs=1) for path in (prior, twin, other)
    ]
    hashes = [load_record(each.record).config_hash for each in runs]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_file_that_is_not_here_is_named_by_its_digest(kit: Kit, prior: Path) -> None:
    digest = hashlib.sha256(b"0.25").hexdigest()
    folder = kit.train(f"head.prior={prior}", head="shifted", epochs=1)
    for stored in (zoo_home() / "files").glob(f"{digest}*"):
        stored.unlink()
    with pytest.raises(UsageError, match=rf"head\.prior: is the file with the sha256 {digest}, "):
        load_trained(folder)
    evaluated = kit.zoo("evaluate", str(folder.path), "--file", str(prior))
    assert evaluated.returncode == 0, evaluated.stderr
    assert load_trained(folder).model.head.__dict__["shift"] == 0.25


def test_no_file_and_a_file_that_is_not_declared_are_refused(kit: Kit, prior: Path) -> None:
    with pytest.raises(UsageError, match=r"head\.prior = .*absent: no such file"):
        kit.train(f"head.prior={prior.with_name('absent')}", head="shifted")
    with pytest.raises(UsageError, match=r"names a file, .* declares in its `files`"):
        kit.train(f"head.prior={prior}", head="sly")
    with pytest.raises(UsageError, match=r"head\.prior = 3: expected the path of a file"):
        kit.train("head.prior=3", head="shifted")
