"""Files that options of a run's plugins name: every verb that builds the run takes them, and a run
that is published includes them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loopback_hub import Hub, files_of, the_only_hub
from typer.main import get_command
from typer.testing import CliRunner
from untrained import make_run

import zoo
from zoo.api import UsageError
from zoo.cli import app
from zoo.export.bundle import pack
from zoo.export.push import push
from zoo.files import zoo_home
from zoo.runs import catalogue

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = """
from pathlib import Path

from torch import nn

from zoo.api import Head


class Shifted(nn.Module):
    def __init__(self, channels, points, prior):
        super().__init__()
        self.shift = float(Path(prior).read_text())
        self.out = nn.Linear(channels, 2 * points)

    def forward(self, features):
        points = self.out(features.mean((2, 3))).sigmoid().unflatten(1, (-1, 2))
        return {"points": points + self.shift}


def build(features, scheme, input_size, *, prior):
    return Shifted(features.channels[-1], len(scheme), prior)


head = Head(build=build, files=("prior",), api_version=2)
"""
KEPT = f"files/{hashlib.sha256(b'0.25').hexdigest()}.txt"
NOISE: Any = np.random.default_rng(3).integers(0, 256, (70, 90, 3), np.uint8)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with the_only_hub(tmp_path, monkeypatch) as served:
        yield served


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    path = tmp_path / "prior.txt"
    path.write_text("0.25")
    return path


@pytest.fixture
def run(hub: Hub, plant: Plant, prior: Path, tmp_path: Path) -> Path:
    """A run whose head reads a file that is no longer kept."""
    plant("Shifting", {"zoo.heads": {"shifted": "head"}}, SOURCE)
    folder = make_run(tmp_path / "net", head="shifted", sets=[f"head.prior={prior}"])
    forget()
    return folder


def forget() -> None:
    shutil.rmtree(zoo_home() / "files", ignore_errors=True)


def points(model: str | Path) -> Any:
    return zoo.load(model, "cpu").predict(NOISE, "none")[0].points


@pytest.mark.parametrize(
    "line",
    [
        ["export", "RUN", "--out", "net.onnx"],
        ["push", "RUN", "hf://tester/net"],
    ],
    ids=lambda line: line[0],
)
def test_a_verb_that_builds_a_run_takes_the_file(
    line: list[str], run: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = [str(run) if word == "RUN" else word for word in line]
    refused = CliRunner().invoke(app, line)
    assert refused.exit_code != 0
    assert "name it with --file FILE, in Python with zoo.keep_file(FILE)" in refused.stderr
    done = CliRunner().invoke(app, [*line, "--file", str(prior)])
    assert done.exit_code == 0, done.output


def test_every_verb_that_is_given_a_run_takes_files() -> None:
    verbs: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined]
    verbs |= {f"data {name}": each for name, each in verbs.pop("data").commands.items()}
    named = {name: {each.name for each in verb.params} for name, verb in verbs.items()}
    taking = {name for name, params in named.items() if "files" in params}
    assert taking >= {"train", "sweep", "evaluate", "predict", "bench", "card", "data check"}
    building = {"run", "runs", "resume", "model_and_inputs"}
    without = {name for name, params in named.items() if params & building and name not in taking}
    assert without == {"compare", "models"}  # they load no plugin of a run


def test_python_keeps_a_file_for_whatever_builds_the_run(run: Path, prior: Path) -> None:
    with pytest.raises(UsageError, match="which is not kept here"):
        zoo.load(run, "cpu")
    assert zoo.keep_file(prior) == f"sha256:{hashlib.sha256(b'0.25').hexdigest()}"
    assert points(run).shape == (68, 2)


def test_a_pushed_run_is_found_with_its_file(hub: Hub, run: Path, prior: Path) -> None:
    zoo.keep_file(prior)
    before = points(run)
    assert KEPT in push(run, "hf://tester/net").files
    assert files_of(hub, "tester/net")[KEPT] == b"0.25"
    forget()
    np.testing.assert_array_equal(points("hf://tester/net"), before)
    assert (zoo_home() / KEPT).read_text() == "0.25"


def test_nothing_else_is_fetched_from_its_folder_and_no_name_is_believed(
    hub: Hub, run: Path
) -> None:
    digest = KEPT[6:70]
    files = {
        "best.safetensors": (run / "best.safetensors").read_bytes(),
        "config.toml": (run / "config.toml").read_bytes(),
        f"files/{digest}.txt": b"0.75",
        f"files/{digest}/more.txt": b"code",
        "files/setup.py": b"code",
    }
    hub.add("tester/odd")
    hub.repositories["tester/odd"].commit("main", files, "odd")
    with pytest.raises(UsageError, match=f"the sha256 {digest}, which is not kept here"):
        zoo.load("hf://tester/odd", "cpu")
    fetched = {path.name for path in (zoo_home() / "hub").rglob("*") if path.is_symlink()}
    assert fetched == {"best.safetensors", "config.toml", f"{digest}.txt"}


def test_a_bundled_run_brings_its_file_too(
    run: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.keep_file(prior)
    models, entries = tmp_path / "models", tmp_path / "catalogue.toml"
    pack(run, "small", "a head with a file", models=models, catalogue=entries)
    forget()
    assert (models / "small" / KEPT).read_text() == "0.25"
    assert KEPT in {entry.path for entry in catalogue.read(entries)["small"].files}
    assert points(models / "small").shape == (68, 2)
