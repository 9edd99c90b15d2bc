"""Predicting from an ONNX file with nothing installed but what the page on export lists."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from untrained import make_run

from zoo.api import IBUG68, UsageError, WeightsError, generic_scheme
from zoo.export.export import export_onnx
from zoo.prediction import load, load_default
from zoo.prediction.onnx_file import OnnxFacts
from zoo.prediction.onnx_model import OnnxPredictor
from zoo.registry.entries import absent_requirement

ABSENT = (
    *("torch", "torchvision", "timm", "safetensors", "pandas", "matplotlib", "jinja2"),
    *("requests", "huggingface_hub", "tomli_w", "onnx", "rich"),
)
"""Packages that `pip install landmark-zoo` installs and that a prediction does not need."""

BARE = f"""
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Nowhere())
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    return export_onnx(make_run(folder / "run", head="simcc"), folder / "net.onnx").path


def bare(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python that cannot import those packages."""
    return subprocess.run(
        [sys.executable, "-c", BARE + program],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )


def test_the_command_line_predicts_by_the_bundled_model_without_torch(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    line = ["zoo", "predict", "face.png", "--detector", "none", "--min-confidence", "0"]
    done = bare(f"sys.argv = {line!r}\nfrom zoo.cli import main\nmain()\n", tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "predictions" / "points.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    [face] = load_default().predict(pixels, "none", min_confidence=0)
    written = [[float(row[f"part_{i}_{axis}"]) for axis in "xy"] for i in range(68)]
    np.testing.assert_allclose(written, face.points, atol=0.006)
    assert (tmp_path / "predictions" / "face-points.png").is_file()


def test_python_predicts_without_torch(exported: Path, tmp_path: Path) -> None:
    program = (
        "import numpy as np, zoo\n"
        f"model = zoo.load({str(exported)!r})\n"
        "faces = model.predict(np.zeros((50, 50, 3), np.uint8), 'none')\n"
        "print(type(model).__name__, faces[0].points.shape, len(model.scheme))\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules}))\n"
    )
    done = bare(program, tmp_path)
    assert done.returncode == 0, done.stderr
    summary, modules = done.stdout.splitlines()
    assert summary == "OnnxPredictor (68, 2) 68"
    assert not set(ABSENT) & set(re.findall(r"'(\w+)'", modules))


def test_the_absent_packages_are_truly_absent(tmp_path: Path) -> None:
    done = bare("import torch\n", tmp_path)
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_without_onnxruntime_the_message_says_what_to_install(
    exported: Path, tmp_path: Path
) -> None:
    program = (
        "sys.modules['onnxruntime'] = None\n"
        f"sys.argv = ['zoo', 'predict', {str(exported)!r}, 'face.png']\n"
        "from zoo.cli import main\nmain()\n"
    )
    done = bare(program, tmp_path)
    assert done.returncode == 2
    expected = (
        f"zoo: {exported}: an ONNX file needs onnxruntime, which is not installed: pip install"
    )
    assert done.stderr.startswith(expected)


@pytest.mark.parametrize(
    ("module", "requirement"),
    [("torch", "torch"), ("PIL.Image", "pillow"), ("huggingface_hub", "huggingface-hub")],
)
def test_what_is_not_installed_is_named_and_is_no_bug(
    module: str, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert absent_requirement(error) == ""  # it is installed: the bug is elsewhere
    monkeypatch.setattr("zoo.registry.entries.version_of", lambda distribution: None)
    assert absent_requirement(error) == requirement
    assert absent_requirement(ModuleNotFoundError("No module named 'zoo.x'", name="zoo.x")) == ""
    assert absent_requirement(ImportError("cannot import name")) == ""


def test_a_file_that_is_no_model_of_the_zoo_is_named(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.onnx: no such file; `zoo export RUN --out "):
        load(tmp_path / "none.onnx")
    complete = exported.read_bytes()
    for content in (b"", b"not a model", complete[: len(complete) // 2]):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(WeightsError, match=r"broken\.onnx: \w") as caught:
            load(tmp_path / "broken.onnx")
        assert "\n" not in str(caught.value)


def test_a_file_runs_on_the_cpu_and_another_device_is_refused(exported: Path) -> None:
    assert load(exported, "cpu").input_size == 64
    with pytest.raises(UsageError, match=r"net\.onnx: an ONNX file runs on the CPU; leave .* cuda"):
        load(exported, "cuda")


def test_another_tool_s_file_is_told_from_ours(exported: Path, tmp_path: Path) -> None:
    import onnx

    file = onnx.load(exported)
    facts = {each.key: each.value for each in file.metadata_props}

    def refused(why: str, **changes: str | None) -> None:
        changed = facts | {f"landmark_zoo.{key}": value for key, value in changes.items()}
        kept = {key: value for key, value in changed.items() if value is not None}
        onnx.helper.set_model_props(file, kept)
        onnx.save(file, tmp_path / "x.onnx")
        with pytest.raises(WeightsError, match=rf"x\.onnx: {why}"):
            load(tmp_path / "x.onnx")

    refused("it was not written by `zoo export`", format=None)
    refused("its format is '3', this zoo reads 1 and 2: export it again", format="3")
    refused("its metadata is damaged: KeyError", scheme=None)
    refused("its metadata is damaged: JSONDecodeError", scheme="{")
    refused("its metadata is damaged: ", scheme='{"name": 1}')
    refused("its metadata is damaged: ", faces="[1]")
    refused("its metadata is damaged: input_size or refine", refine="9")
    refused(r"its graph does not take images, uint8 \(N, 32, 32, 3\)", input_size="32")
    other = json.dumps(asdict(generic_scheme(67)))
    refused("its metadata is damaged: mean_shape is not of its points", scheme=other)
    shape = json.dumps([[0.5, 0.5]] * 67)
    refused(r"its graph gives no points \(N, 67, 2\)", scheme=other, mean_shape=shape)


def test_metadata_survives_the_way_there_and_back(exported: Path) -> None:
    model = load(exported)
    assert isinstance(model, OnnxPredictor)
    again = OnnxFacts.from_metadata(model.facts.to_metadata() | {"author": "another tool"})
    assert again == model.facts
    assert again.to_metadata() == model.facts.to_metadata()
    assert again.scheme == IBUG68
