"""A bundled run: small, with the predictions of the run, and without a name from the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.api import DataError, UsageError
from zoo.evaluation.records import load_record
from zoo.export import bundle as packing
from zoo.export.bundle import pack
from zoo.prediction import is_model, load_default
from zoo.prediction.agreement import compare, random_crops
from zoo.prediction.onnx_model import OnnxPredictor
from zoo.prediction.torch_model import TorchPredictor
from zoo.runs import catalogue
from zoo.tensors import load_tensors

NOISE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that takes the place of the bundled models in this test."""
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "catalogue.toml").write_text("# What stands here.\n# And here.\n")
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path / "bundled")
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "bundled" / "catalogue.toml")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "bundled"


def packed(run: Path, bundled: Path, name: str = "tiny", **options: bool) -> packing.Packed:
    return pack(
        run, name, "a summary", models=bundled, catalogue=bundled / "catalogue.toml", **options
    )


def test_a_packed_run_is_the_default_and_predicts_as_the_run_does(run: Path, bundled: Path) -> None:
    from zoo.prediction import load

    done = packed(run, bundled)
    assert done.half
    assert done.weights < 0.6 * (run / "best.safetensors").stat().st_size
    assert done.graph == (bundled / "tiny" / "model.onnx").stat().st_size
    assert is_model("tiny")
    model, run_model = load_default("cpu"), load(run, "cpu")
    assert model.name == "tiny"
    assert isinstance(model, OnnxPredictor)
    (face,), (same,) = model.predict(NOISE, "none"), run_model.predict(NOISE, "none")
    distances = np.linalg.norm(face.points - same.points, axis=1)
    assert distances.mean() * model.input_size / 60 <= packing.MOST_MOVED
    network = TorchPredictor.of_run(bundled / "tiny", "cpu")
    assert compare(network, model, random_crops(network.input_size), "random").holds
    tensors, _ = load_tensors(bundled / "tiny" / "best.safetensors")
    kinds = {t.dtype for t in tensors.values() if t.ndim > 1}
    assert kinds == {torch.float16}
    assert {t.dtype for t in tensors.values() if t.ndim == 1} == {torch.float32}


def test_the_bundled_model_predicts_the_same_by_its_graph_and_by_its_weights() -> None:
    model = catalogue.default_model()
    assert model is not None
    folder = catalogue.folder_of(model.name)
    network, graph = TorchPredictor.of_run(folder, "cpu"), load_default()
    assert isinstance(graph, OnnxPredictor)
    facts = ("name", "scheme", "input_size", "region", "faces", "refine", "upright", "calibration")
    assert [getattr(graph, fact) for fact in facts] == [getattr(network, fact) for fact in facts]
    assert compare(network, graph, random_crops(network.input_size), "random").holds


def test_what_ships_names_no_person_frame_or_folder(
    run: Path, bundled: Path, tmp_path: Path
) -> None:
    folder = packed(run, bundled, default=False).folder
    assert catalogue.default_model() is None
    assert sorted(p.name for p in folder.iterdir()) == sorted([*catalogue.FILES, "model.onnx"])
    people = np.load(run / "predictions" / "val.npz")["people"].tolist()
    assert people
    for file in folder.iterdir():
        content = file.read_bytes()
        assert str(tmp_path).encode() not in content
        assert not [name for name in people if name.encode() in content]


def test_weights_that_16_bits_would_spoil_stay_in_32(
    run: Path, bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MOST_MOVED", 0.0)
    done = packed(run, bundled)
    assert not done.half
    assert done.moved == 0
    tensors, _ = load_tensors(run / "best.safetensors")
    stored, _ = load_tensors(bundled / "tiny" / "best.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())


def test_the_catalogue_keeps_its_comments_and_its_other_models(run: Path, bundled: Path) -> None:
    packed(run, bundled, "first")
    packed(run, bundled, "second")
    text = (bundled / "catalogue.toml").read_text()
    assert text.startswith("# What stands here.\n# And here.\n\n[")
    models = catalogue.catalogue()
    assert list(models) == ["first", "second"]
    assert [m.name for m in models.values() if m.default] == ["second"]
    assert all(m.folder() == bundled / m.name for m in models.values())
    assert models["first"].record["scheme"] == "ibug68"
    (bundled / "first" / "best.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match=r"first: its files in .* are missing or damaged"):
        catalogue.folder_of("first")


def test_a_model_that_is_packed_again_still_names_those_that_it_replaces(
    run: Path, bundled: Path
) -> None:
    packed(run, bundled, "first")
    listed = bundled / "catalogue.toml"
    listed.write_text(listed.read_text().replace("[first]", '[first]\nreplaces = ["zeroth"]'))
    packed(run, bundled, "first")
    assert catalogue.catalogue()["first"].replaces == ("zeroth",)


def test_what_cannot_be_packed_leaves_the_bundled_models_as_they_are(
    run: Path, bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (bundled / "catalogue.toml").read_text()
    with pytest.raises(UsageError, match="'Two Words' is no name"):
        packed(run, bundled, "Two Words")
    with monkeypatch.context() as patch:
        patch.setattr(packing, "MOST_BYTES", 1000)
        with pytest.raises(UsageError, match=r"its weights take .* MB, and its graph .*; a "):
            packed(run, bundled)
    record = json.loads((run / "record.json").read_text())
    person = np.load(run / "predictions" / "val.npz")["people"].tolist()[0]
    record["notes"] = person
    (run / "record.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="names a person or a frame"):
        packed(run, bundled)
    (run / "record.json").unlink()
    with pytest.raises(UsageError, match="is not finished"):
        packed(run, bundled)
    assert (bundled / "catalogue.toml").read_text() == before
    assert [p.name for p in bundled.iterdir()] == ["catalogue.toml"]


def test_the_calibration_of_scores_ships_with_a_model(
    run: Path, bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured by `zoo evaluate --calibrate`, kept in the record, packed, and read from both."""
    from zoo.export.calibrate import calibrate
    from zoo.prediction import load

    monkeypatch.setenv("ZOO_HOME", str(run.parent / "home"))
    assert load_record(run / "record.json").calibration is None
    assert load(run, "cpu").calibration is None
    curve = calibrate(run).curve
    assert curve.faces == curve.others > 0
    assert load_record(run / "record.json").calibration == curve
    packed(run, bundled)
    assert load(bundled / "tiny", "cpu").calibration == curve
    exported = load_default()
    assert exported.calibration == curve
    np.testing.assert_allclose(exported.mean_shape, load(run, "cpu").mean_shape)
