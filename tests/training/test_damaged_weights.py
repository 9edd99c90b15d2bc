"""Weights that do not match their record, or are not finite, are refused everywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from untrained import make_run

from zoo.api import WeightsError
from zoo.export.bundle import pack
from zoo.export.export import export_onnx
from zoo.export.measured import measure_for_card
from zoo.export.push import push
from zoo.prediction import load
from zoo.prediction.network import Answer
from zoo.prediction.predictor import Predictor
from zoo.runs.folder import RunFolder
from zoo.runs.trained import load_trained
from zoo.tensors import file_digest, load_tensors, save_tensors
from zoo.training.run import evaluate, resume
from zoo.training.transfer import find_start


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose record holds the sha256 of its weights."""
    run = make_run(tmp_path_factory.mktemp("damaged") / "run")
    record = json.loads((run / "record.json").read_text())
    record["model"]["best_sha256"] = file_digest(run / "best.safetensors")
    (run / "record.json").write_text(json.dumps(record))
    return run


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "run")


USES: dict[str, Callable[[Path], object]] = {
    "predict": load,
    "evaluate": evaluate,
    "resume": resume,
    "export": export_onnx,
    "card": measure_for_card,
    "push": lambda run: push(run, "hf://me/net"),
    "weights": lambda run: find_start(run / "best.safetensors"),
    "pack": lambda run: pack(run, "net", "a net"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_flipped_bits_are_refused(use: Callable[[Path], object], run: Path) -> None:
    path, record = run / "best.safetensors", (run / "record.json").read_bytes()
    content = bytearray(path.read_bytes())
    content[-100] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"best\.safetensors: is damaged"):
        use(run)
    assert (run / "record.json").read_bytes() == record


@pytest.mark.parametrize("use", [load, evaluate, resume])
def test_a_trained_run_without_its_weights_is_not_called_unfinished(
    use: Callable[[Path], object], run: Path
) -> None:
    (run / "best.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"though it was trained: put that back from a copy"):
        use(run)
    (run / "best.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"best\.safetensors: is a folder, not a file"):
        use(run)


def test_sound_weights_are_loaded_with_and_without_a_digest_in_the_record(run: Path) -> None:
    load_trained(RunFolder(run))
    record = json.loads((run / "record.json").read_text())
    del record["model"]["best_sha256"]
    (run / "record.json").write_text(json.dumps(record))
    load_trained(RunFolder(run))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, run: Path) -> None:
    (run / "record.json").unlink()
    tensors, header = load_tensors(run / "best.safetensors")
    name = next(n for n, t in tensors.items() if t.is_floating_point())
    tensors[name].view(-1)[0] = value
    save_tensors(run / "best.safetensors", tensors, header)
    with pytest.raises(WeightsError, match=rf"{name} holds numbers that are not finite"):
        load(run)


class Fixed(Predictor):
    """Predicts the same value for every crop."""

    def __init__(self, like: Predictor, value: float) -> None:
        self.value = value
        for name in ("name", "scheme", "input_size", "region", "faces"):
            setattr(self, name, getattr(like, name))

    def run(self, crops: np.ndarray) -> Answer:
        return Answer(np.full((len(crops), len(self.scheme), 2), self.value, np.float32), None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_predictions_that_are_no_places_are_refused(value: float, sound: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    sane = Fixed(load(sound), 0.5)
    assert len(sane.predict(image, "none")) == 1
    with pytest.raises(WeightsError, match="its network gives points that are not finite"):
        Fixed(sane, value).predict(image, "none")


def test_a_header_that_names_a_larger_network_than_its_file_holds_is_refused(run: Path) -> None:
    (run / "record.json").unlink()
    tensors, header = load_tensors(run / "best.safetensors")
    header["config"]["backbone"] = "landmark-zoo/timm:vit_large_patch16_224"
    header["config"]["input_size"] = 224
    save_tensors(run / "best.safetensors", {"a": torch.zeros(1)}, header)
    assert tensors
    with pytest.raises(Exception, match="its parameters come to more than") as caught:
        load(run)
    assert "GiB" in str(caught.value)
