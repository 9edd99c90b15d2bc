"""`zoo export`: the graph gives the same outputs as the network; what the file holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import quick_process
from untrained import FACES, make_run

from zoo import __version__
from zoo.api import IBUG68, PluginError, UsageError, generic_scheme
from zoo.export.export import export_onnx
from zoo.prediction import load
from zoo.prediction.onnx_model import OnnxPredictor
from zoo.prediction.torch_model import TorchPredictor
from zoo.runs.catalogue import folder_of

if TYPE_CHECKING:
    from conftest import Plant

SMALL_SWIN = ("backbone.embed_dim=24", "backbone.depths=[2,1,1,1]", "backbone.num_heads=[1,2,4,8]")
CASES = [
    ("timm:test_resnet", "linear", 64, ()),
    ("timm:test_resnet", "soft_argmax", 64, ()),
    ("timm:test_resnet", "simcc", 64, ()),
    ("timm:test_resnet", "heatmap", 64, ()),
    ("custom_cnn", "linear", 190, ()),
    ("timm:test_convnext", "simcc", 64, ()),
    ("timm:mobilenetv3_small_100", "heatmap", 96, ()),
    ("timm:test_vit", "linear", 64, ()),
    ("timm:test_vit", "heatmap", 64, ()),
    ("timm:deit_tiny_patch16_224", "soft_argmax", 64, ("head.stride=4",)),
    ("timm:swin_tiny_patch4_window7_224", "linear", 112, SMALL_SWIN),
    ("timm:swin_tiny_patch4_window7_224", "soft_argmax", 112, SMALL_SWIN),
]
LARGE = [("resnet152", "soft_argmax", 64, ()), ("vgg19", "linear", 64, ())]
"""vgg19's classifier wants 7 x 7 cells, and 64 pixels give 2 x 2."""


def noise(count: int, size: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


@pytest.mark.parametrize(
    ("backbone", "head", "size", "sets"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in LARGE)],
    ids=lambda v: str(v).removeprefix("timm:") if isinstance(v, str) else "",
)
def test_the_graph_and_the_network_give_the_same_points(
    backbone: str, head: str, size: int, sets: tuple[str, ...], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", backbone, head, size, sets)
    done = export_onnx(run)
    [random] = done.checks
    assert random.crops == 8
    assert random.points == 8 * 68
    assert random.holds
    # Independent of the check: a batch size that it does not use, by onnxruntime alone.
    crops = noise(3, size)
    network = load(run, "cpu")
    points, scores, outputs = network.run(crops)
    session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    graph_outputs = dict(zip(names, session.run(None, {"images": crops}), strict=True))
    assert graph_outputs["points"].dtype == np.float32
    distances = np.linalg.norm(graph_outputs["points"] - points, axis=-1) * size
    assert distances.shape == (3, 68)
    if head == "heatmap":  # a tie between two peaks may go either way: not in many points
        assert np.mean(distances > 0.05) < 0.02
    else:
        assert distances.max() < 0.05
    # The points are spread out, or the comparison would prove nothing.
    assert np.ptp(points, axis=1).min() > 1e-3
    assert ("scores" in graph_outputs) == (scores is not None) == (head != "linear")
    if scores is not None:
        assert graph_outputs["scores"].shape == (3, 68)
        assert np.median(np.abs(graph_outputs["scores"] - scores)) < 1e-4
    assert outputs.keys() == ({"covariance"} if head in ("soft_argmax", "simcc") else set())
    for name, values in outputs.items():
        np.testing.assert_allclose(graph_outputs[name], values, rtol=1e-2, atol=1e-5)


def test_a_name_of_zoo_models_is_exported_here_and_its_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = folder_of("face68")
    before = sorted(path.name for path in bundled.iterdir())
    done = export_onnx("face68")
    assert done.path == Path("face68.onnx")
    assert all(agreement.holds for agreement in done.checks)
    assert load("face68.onnx").input_size == load("face68", "cpu").input_size == 112
    assert sorted(path.name for path in bundled.iterdir()) == before
    (tmp_path / "face68").mkdir()  # a folder of that name goes before the model
    with pytest.raises(UsageError, match="no run here"):
        export_onnx("face68")


def test_all_that_a_prediction_needs_is_in_the_file(run: Path, exported: Path) -> None:
    file = onnx.load(exported)
    onnx.checker.check_model(file)
    metadata = {each.key.removeprefix("landmark_zoo."): each.value for each in file.metadata_props}
    assert metadata["zoo_version"] == __version__
    assert metadata["name"] == "net-drawn-0a1b2c-s0"
    assert (metadata["input_size"], metadata["region"], metadata["refine"]) == ("64", "frame", "0")
    scheme = json.loads(metadata["scheme"])
    assert scheme["names"] == list(IBUG68.names)
    assert scheme["flip"] == list(IBUG68.flip or ())
    assert scheme["eye_corners"] == [36, 45]
    assert scheme["contours"][0] == [list(range(17)), False]
    assert json.loads(metadata["faces"]) == {"side": 0.5, "cx": 0.5, "cy": 0.6}
    assert json.loads(metadata["licenses"]) == {"code": "MIT", "data": "drawn: no terms"}
    record = json.loads(metadata["record"])
    assert record["plugin"]["id"] == "timm:test_resnet"
    assert record["results"]["val"]["nme_ioc"] == pytest.approx(0.2)
    assert record["results"]["val"]["n"] == 3
    assert record["data"]["fingerprint"] == "f00dbeef"
    assert "uint8 (N, 64, 64, 3) RGB" in file.doc_string
    [images] = file.graph.input
    sides = images.type.tensor_type.shape.dim
    assert [side.dim_value for side in sides[1:]] == [64, 64, 3]
    assert sides[0].dim_param == "N"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_the_file_predicts_as_the_run_does(run: Path, exported: Path) -> None:
    network, from_file = load(run, "cpu"), load(exported)
    assert isinstance(network, TorchPredictor)
    assert isinstance(from_file, OnnxPredictor)
    for attribute in ("name", "scheme", "input_size", "region", "faces", "refine"):
        assert getattr(from_file, attribute) == getattr(network, attribute)
    assert from_file.faces == FACES
    image = np.ascontiguousarray(noise(1, 90)[0][:70])
    [face], [same] = network.predict(image, "none"), from_file.predict(image, "none")
    np.testing.assert_allclose(same.points, face.points, atol=0.01)
    assert same.scores is not None
    np.testing.assert_allclose(same.scores, face.scores, atol=1e-4)
    assert same.score == pytest.approx(face.score, abs=1e-4)
    assert same.box == face.box


def test_a_model_that_looks_twice_does_so_from_its_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sets=["refine=1"])
    from_file = load(export_onnx(run).path)
    assert from_file.refine == 1
    image = noise(1, 90)[0]
    [face], [same] = load(run, "cpu").predict(image, "none"), from_file.predict(image, "none")
    np.testing.assert_allclose(same.points, face.points, atol=0.01)
    from_file.refine = 0
    assert np.abs(from_file.predict(image, "none")[0].points - face.points).max() > 0.1


def test_a_scheme_of_which_little_is_known_and_a_run_without_a_record(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", scheme=generic_scheme(5), record=False)
    from_file = load(export_onnx(run).path)
    assert isinstance(from_file, OnnxPredictor)
    assert from_file.scheme == generic_scheme(5)
    assert from_file.facts.record == {}
    assert from_file.predict(noise(1, 80)[0], "none")[0].points.shape == (5, 2)


HEADS = """
import torch
from torch import nn
from zoo.api import Head

class Sorted(nn.Module):
    def __init__(self, channels, points):
        super().__init__()
        self.linear = nn.Linear(channels, 2 * points)

    def forward(self, features):
        maps = features if isinstance(features, torch.Tensor) else features[-1]
        flat = self.linear(maps.mean((2, 3))).sigmoid()
        return {"points": self.last(flat.unflatten(1, (-1, 2))), "extra": maps}

    def last(self, points):
        return points.sort(1).values @ torch.eye(2).mT

class Unwritable(Sorted):
    def last(self, points):
        return points + torch.linalg.eigvalsh(points.mT @ points)[:, None]

own = Head(build=lambda features, scheme, input_size: Sorted(features.channels[-1], 68))
odd = Head(build=lambda features, scheme, input_size: Unwritable(features.channels[-1], 68))
"""


def test_a_stranger_s_head_is_exported_or_refused_in_one_line(
    plant: Plant, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plant("Own-Heads", {"zoo.heads": {"own": "own", "odd": "odd"}}, HEADS)
    done = export_onnx(make_run(tmp_path / "run", head="own"))
    assert done.checks[0].holds
    assert [each.name for each in onnx.load(done.path).graph.output] == ["points"]
    odd = make_run(tmp_path / "odd", head="odd")
    capfd.readouterr()
    with pytest.raises(PluginError) as caught:
        export_onnx(odd)
    message = str(caught.value)
    assert message.startswith("head odd on timm:test_resnet: torch cannot write it as ONNX: ")
    assert "linalg_eigvalsh" in message or "linalg_eigh" in message
    assert "\n" not in message
    assert len(message) < 250
    assert capfd.readouterr().out == ""  # torch would print the graph
    assert not (odd / "model.onnx").exists()


def test_what_cannot_be_exported_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no run here"):
        export_onnx(tmp_path / "nowhere")
    with pytest.raises(
        UsageError, match=r"--out .*: is a folder; name a file, such as .*model.onnx"
    ):
        export_onnx(run, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out .*: cannot write there: File exists"):
        export_onnx(run, tmp_path / "file" / "model.onnx")


def test_without_the_packages_the_message_says_what_to_install(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"needs onnx and onnxruntime .*: pip install onnx"):
        export_onnx(run)


def test_the_command_line_writes_the_file_and_says_how_good_it_is(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "face.onnx"
    done = zoo("export", run, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "same points as PyTorch: random: 8 crops, worst point off by" in done.stderr
    assert f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB" in done.stderr
    wrong = zoo("export", run, "--format", "tflite")
    assert (wrong.returncode, wrong.stderr) == (2, "zoo: --format tflite: expected onnx\n")
    as_json = json.loads(zoo("export", run, "--out", out, "--json").stdout)
    assert as_json["path"] == str(out)
    assert as_json["bytes"] == out.stat().st_size
    [random] = as_json["checks"]
    assert random["holds"] is True
    assert random["worst"] < 0.05
    assert as_json["metadata"]["landmark_zoo.input_size"] == "64"


def zoo(*arguments: object) -> subprocess.CompletedProcess[str]:
    return quick_process.run(["-m", "zoo", *map(str, arguments)])
