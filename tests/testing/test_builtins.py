"""Every built-in plugin passes the kit, with the same checks as any other plugin.

``pytest tests/testing/test_builtins.py --conformance full``, which is ``make conformance``, checks
all of them at their own input size, and ten architectures of timm. By default large networks are
checked at 64 px instead (that they work at their declared size is checked all the same), one of
them without its largest layers, and timm's sample is the quick part of the ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import made_data
import pytest
import yunet_file
from torch import Tensor, nn

from zoo.registry import installed, registry
from zoo.testing import checks, pictures, run, summary

pytestmark = pytest.mark.usefixtures("quick_children")

TIMM = {
    "resnet18": "convolutions",
    "mobilenetv3_small_100": "depthwise convolutions, squeeze and excite",
    "convnext_atto": "depthwise convolutions with layer norm",
    "vgg11": "plain convolutions, no norm",
    "hrnet_w18_small": "branches side by side",
    "vit_tiny_patch16_224": "tokens",
    "swin_tiny_patch4_window7_224": "(B, h, w, C) inside, windows",
    "crossvit_9_240": "tokens of two sizes",
    "levit_128s": "convolutions, then attention",
    "mixer_s32_224": "tokens without attention",
}
"""The sample: one architecture for each layout."""

QUICK = ("mobilenetv3_small_100", "convnext_atto", "levit_128s")
SMALLER = {
    "resnet152": ("at 64 px", {"input_size": 64}),
    "vgg19": ("at 64 px, without its classifier", {"input_size": 64, "classifier": False}),
}
"""Options of large networks in the default run, which leaves out their longest checks."""
LARGE = 4_000_000
"""A layer with more weights than this belongs to a classifier."""
LONGEST = ("overfits_four_faces", "exports_to_onnx", "trains_in_two_processes")


@dataclass(frozen=True)
class Case:
    """One plugin, and how it is checked."""

    kind: str
    id: str
    options: dict[str, Any] = field(default_factory=dict)
    data: Callable[[Path], Path] | None = None
    label: str = ""
    files: Callable[[Path], dict[str, Any]] | None = None
    """Makes the files that options name, in a folder."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.id}{self.label}"


DATA = {
    "landmarks_csv": [made_data.landmarks_csv],
    "ibug_pts": [made_data.ibug_pts, made_data.ibug_videos],
    "wflw": [made_data.wflw],
    "youtube_faces": [made_data.youtube_frames, made_data.youtube_videos],
}


def _yunet(folder: Path) -> dict[str, Any]:
    patch = pictures.photograph()[224:256, 544:576]
    return {"model": str(yunet_file.write(folder / "yunet.onnx", patch)), "longest_side": 1000}


def _boxes(folder: Path) -> dict[str, Any]:
    text = "image_name,x0,y0,x1,y1\nphotograph.png," + ",".join(map(str, pictures.FACE))
    (folder / "boxes.csv").write_text(text + "\n")
    return {"file": str(folder / "boxes.csv")}


def _labelled_faces(folder: Path) -> dict[str, Any]:
    x0, y0, x1, y1 = pictures.FACE
    box = f"{(x0 + x1) / 2},{(y0 + y1) / 2},{x1 - x0},{y1 - y0}"
    (folder / "A.labeled_faces.txt").write_text(f"photograph.png,0,{box},0,1\n")
    return {"root": str(folder)}


FILES = {"yunet": _yunet, "boxes": _boxes, "labelled_faces": _labelled_faces}
"""Functions that write the files of detectors that need one."""


def cases(full: bool) -> list[Case]:
    found = []
    for entry in installed():
        if entry.distribution != "landmark-zoo":
            continue
        if entry.kind == "detector" and entry.id in FILES:
            found.append(Case(entry.kind, entry.id, files=FILES[entry.id]))
        elif entry.kind == "dataset" and entry.id in DATA:
            for make in DATA[entry.id]:
                found.append(Case(entry.kind, entry.id, data=make, label=f" {make.__name__}"))
        elif (entry.kind, entry.id) == ("backbone", "timm"):
            sample = TIMM if full else QUICK
            found += [Case("backbone", f"timm:{name}") for name in sample]
        elif entry.id in SMALLER and not full:
            label, options = SMALLER[entry.id]
            found.append(Case(entry.kind, entry.id, options, label=f" {label}"))
        else:
            found.append(Case(entry.kind, entry.id))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = cases(metafunc.config.getoption("conformance") == "full")
        metafunc.parametrize("case", found, ids=lambda case: case.name)


@pytest.mark.timeout(3600)
def test_a_builtin_passes_the_kit(
    case: Case, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = case.id in SMALLER and pytestconfig.getoption("conformance") != "full"
    if case.options.get("classifier") is False:
        _draw_no_numbers_for_large_layers(monkeypatch)
    root = None if case.data is None else case.data(tmp_path)
    options = case.options | ({} if case.files is None else case.files(tmp_path))
    found = [
        run(check)
        for check in checks(f"landmark-zoo/{case.id}", case.kind, options=options, data=root)
        if not (short and check.name in LONGEST)
    ]
    print(case.name, summary(found))
    bad = {o.check.name: o.message for o in found if not o.as_expected}
    assert bad == {}


def _draw_no_numbers_for_large_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision builds a classifier, in two seconds each time, which the plugin drops."""
    normal, reset = nn.init.normal_, nn.Linear.reset_parameters

    def normal_of_small(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
        return tensor if tensor.numel() > LARGE else normal(tensor, *args, **options)

    def reset_small(layer: nn.Linear) -> None:
        if layer.weight.numel() <= LARGE:
            reset(layer)

    monkeypatch.setattr(nn.init, "normal_", normal_of_small)
    monkeypatch.setattr(nn.Linear, "reset_parameters", reset_small)


def test_no_builtin_is_left_out() -> None:
    built_ins = {(e.kind, e.id) for e in installed() if e.distribution == "landmark-zoo"}
    for full in (True, False):
        checked = {(case.kind, case.id.partition(":")[0]) for case in cases(full)}
        assert checked == built_ins


def test_the_sample_of_timm_is_ten_architectures_that_it_has() -> None:
    assert len(TIMM) == 10
    assert set(QUICK) <= set(TIMM)
    known = {entry.id for entry in registry("backbone").search("landmark-zoo/timm:*")}
    assert {f"timm:{name}" for name in TIMM} <= known
