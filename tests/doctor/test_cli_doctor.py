"""`zoo doctor` as a process: a healthy installation, and one with planted faults."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import quick_process

if TYPE_CHECKING:
    from conftest import Plant

ZOO = ["-P", "-m", "zoo"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return quick_process.run([*ZOO, "doctor", *arguments], env={**os.environ, **environment})


def findings(report: dict[str, Any], name: str) -> list[tuple[str, str, str]]:
    return [(f["status"], f["what"], f["next"]) for f in report["findings"] if f["name"] == name]


def test_faults_of_optional_parts_are_warnings(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken parts that are not needed are named, and the exit status is 0."""
    plant(
        "good-one", {"zoo.losses": {"fine": "fine"}}, "from zoo.api import Loss\nfine = Loss(int)"
    )
    plant("bad-one", {"zoo.losses": {"sad": "sad"}}, "raise RuntimeError('planted sorrow')")
    plant("lost-one", {"zoo.measures": {"auc": "auc"}})
    plant("tomli-w", {}, version="0.1")
    (tmp_path / "data" / "youtube_faces").mkdir(parents=True)
    done = run("--json", ZOO_DATA=str(tmp_path / "data"), ZOO_HOME=str(tmp_path / "not yet made"))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["healthy"]
    names = {f["name"] for f in report["findings"]}
    assert names >= {"zoo", "python", "command", "torch", "torchvision", "timm", "cv2", "libraries"}
    assert names >= {"accelerator", "threads", "cascades", "video", "disk", "built-ins"}
    assert "broken" not in {f["status"] for f in report["findings"]}
    [(lost, group, _), (status, what, _), (well, count, _)] = findings(report, "plugins")
    assert (lost, status, well) == ("warn", "warn", "ok")
    assert "lost-one declares plugins in the entry-point group zoo.measures" in group
    assert "bad-one 1.0" in what
    assert "planted sorrow" in what
    assert count.startswith("1 of 2 plugins")
    [(status, what, advice)] = findings(report, "tomli-w")
    assert (status, what.partition(",")[0], advice) == ("warn", "0.1", "pip install 'tomli-w>=1.0'")
    [(status, what, advice)] = findings(report, "youtube_faces")
    assert status == "warn"
    assert "no release of YouTube Faces here" in what
    assert advice == "zoo data fetch youtube_faces"
    [(status, what, _)] = findings(report, "ZOO_HOME")
    assert (status, "made when needed" in what) == ("ok", True)


def test_broken_required_parts_are_named_with_the_command_that_helps(tmp_path: Path) -> None:
    """OpenCV crashes, timm cannot be imported, ZOO_HOME is a file: the doctor reports all three."""
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text("raise ImportError('planted: libfoo.so')\n")
    (tmp_path / "home").write_text("")
    done = run(
        PYTHONPATH=str(tmp_path),
        ZOO_HOME=str(tmp_path / "home"),
        ZOO_DATA=str(tmp_path / "nowhere"),
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    named = {tuple(line.split()[:2]): at for at, line in enumerate(lines)}
    assert "SIGSEGV" in lines[named["broken", "cv2"]]
    assert "pip install --force-reinstall 'opencv-" in lines[named["broken", "cv2"] + 1]
    assert "planted: libfoo.so" in lines[named["broken", "timm"]]
    assert "is a file" in lines[named["broken", "ZOO_HOME"]]
    assert "no such folder" in lines[named["warn", "ZOO_DATA"]]
    assert "SIGSEGV" in lines[named["broken", "built-ins"]]
    assert ("ok", "torch") in named
    [missing] = [line for line in lines if line.startswith("missing youtube_faces")]
    assert str(tmp_path / "nowhere" / "youtube_faces") in missing
    assert lines[-1] == "broken: cv2, timm, ZOO_HOME, built-ins"
