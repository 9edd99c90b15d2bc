"""Each finding, in its healthy and its faulty form, from answers as the libraries give them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo.api import DataError
from zoo.doctor import libraries, places, probes

TORCH: dict[str, Any] = {
    "cuda_build": "12.8",
    "devices": [],
    "refusal": "RuntimeError: driver too old",
    "mps_built": False,
    "mps": False,
}
GPU = {"name": "H100", "memory": 80 * 2**30}


@pytest.mark.parametrize(
    ("answer", "hidden", "driver", "status", "words"),
    [
        ({"devices": [GPU]}, None, True, "ok", "cuda: H100 (80 GiB)"),
        ({"mps": True, "mps_built": True}, None, False, "ok", "mps"),
        ({}, None, False, "ok", "no NVIDIA driver"),
        ({"cuda_build": ""}, None, True, "warn", "built for the CPU alone"),
        ({}, "", True, "warn", 'CUDA_VISIBLE_DEVICES="" hides the GPU'),
        ({}, None, True, "warn", "driver too old"),
        ({}, "0", True, "warn", "driver too old"),
    ],
)
def test_the_reason_why_there_is_no_gpu(
    answer: dict[str, Any],
    hidden: str | None,
    driver: bool,
    status: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    file = tmp_path / "version"
    if driver:
        file.write_text("NVRM version\n")
    finding = libraries.accelerator({**TORCH, **answer}, file)
    assert finding.status == status
    assert words in finding.what
    assert bool(finding.next) == (status != "ok")


def test_the_number_of_threads_against_the_number_of_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(libraries, "usable_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert libraries.threads(4).status == "ok"
    assert libraries.threads(2).status == "ok"  # PyTorch's default: physical cores only
    assert libraries.threads(64).next == "export OMP_NUM_THREADS=4"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "OMP_NUM_THREADS=1" in libraries.threads(1).what
    assert libraries.threads(1).status == "warn"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert libraries.threads(4).status == "warn"
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert libraries.threads(4).what.startswith("4 for 4 processors; they wait by OMP_WAIT_POLICY=")


def test_opencv_without_cascades_or_a_codec() -> None:
    cascades = {"frontal.xml": True, "profile.xml": True}
    video = {"mp4v .mp4": True, "MJPG .avi": True}
    answer = {"version": "4.14", "cascades": cascades, "video": video}
    assert [f.status for f in libraries.opencv(answer)] == ["ok", "ok"]
    answer = {**answer, "cascades": {**cascades, "profile.xml": False}}
    answer |= {"video": {**video, "mp4v .mp4": False}}
    cascades_finding, video_finding = libraries.opencv(answer)
    assert (cascades_finding.status, video_finding.status) == ("warn", "warn")
    assert "profile.xml missing from OpenCV 4.14" in cascades_finding.what
    assert video_finding.what == "cannot be written and read: mp4v .mp4"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(places.shutil, "disk_usage", lambda place: SimpleNamespace(free=2**30))
    disk = list(places.look_at_places())[-1]
    assert (disk.name, disk.status) == ("disk", "warn")
    assert "1.0 GiB in ZOO_HOME" in disk.what
    monkeypatch.setattr(places.shutil, "disk_usage", lambda place: SimpleNamespace(free=2**40))
    assert list(places.look_at_places())[-1].status == "ok"


def test_the_bundled_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def damaged(name: str) -> Path:
        raise DataError("planted: not whole")

    monkeypatch.setattr(places, "default_model", lambda: None)
    assert places._model().status == "missing"
    monkeypatch.setattr(places, "default_model", lambda: SimpleNamespace(name="small"))
    monkeypatch.setattr(places, "folder_of", lambda name: tmp_path)
    assert places._model().what == f"small, in {tmp_path}"
    monkeypatch.setattr(places, "folder_of", damaged)
    assert (places._model().status, places._model().what) == ("warn", "planted: not whole")


def test_a_probe_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, reason = probes.ask("timm", timeout=0.01)
    assert (answer, reason) == ({}, "still loading after 0.01 s")


def test_one_remedy_for_builds_of_torch_that_do_not_fit_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = "RuntimeError: operator torchvision::nms does not exist"

    def ask(module: str) -> tuple[dict[str, Any], str]:
        return ({}, reason) if module in ("torchvision", "timm") else (TORCH | {"threads": 1}, "")

    monkeypatch.setattr(libraries, "ask", ask)
    monkeypatch.setattr(libraries, "opencv", lambda answer: [])
    found = {each.name: each for each in libraries.look_at_libraries()}
    assert found["torchvision"].what.endswith(f"does not load: {reason}")
    assert found["timm"].what.endswith("does not load, since torchvision does not")
    [advice] = {each.next for each in found.values() if each.status == "broken"} - {""}
    assert re.fullmatch(
        r"pip install --force-reinstall 'torch[<>=].*' 'torchvision[<>=].*'", advice
    )
