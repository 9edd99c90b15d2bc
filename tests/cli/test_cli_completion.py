"""Completion: by the environment variables that shells set, and in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Plant

CODE = "from zoo.cli import main; main()"


def complete(*typed: str, cwd: Path | None = None) -> list[str]:
    """The completions of the last word, which may be empty."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", CODE],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            **os.environ,
            "_ZOO_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("zoo", *typed)),
            "COMP_CWORD": str(len(typed)),
        },
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_verbs_and_plugins_of_every_kind(plant: Plant) -> None:
    plant("far-away", {"zoo.backbones": {"custom_net": "net"}, "zoo.losses": {"huber": "huber"}})
    plant("namesake", {"zoo.backbones": {"vgg19": "net"}})
    assert complete("tr") == ["train"]
    assert complete("train", "custom_") == ["custom_cnn", "custom_net"]
    assert complete("train", "vgg19") == []
    assert complete("train", "land") == ["landmark-zoo/vgg19"], "its plain id is refused"
    assert complete("train", "namesake/") == ["namesake/vgg19"]
    assert complete("train", "custom_cnn", "--loss", "hu") == ["huber"]
    assert complete("info", "hu") == ["huber"]
    assert complete("data", "info", "syn") == ["synthetic"]
    assert complete("train", "x", "--proto") == ["--protocol"]


def test_recipes_protocols_and_keys(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "mine.toml").write_text("epochs = 1\n")
    assert complete("train", "x", "--recipe", "see") == ["seed"]
    assert complete("train", "x", "--recipe", "ser", cwd=tmp_path) == ["series/"]
    assert complete("train", "x", "--recipe", "series/", cwd=tmp_path) == ["series/mine.toml"]
    top = f"/{tmp_path.parts[1]}"
    assert f"{top}/" in complete("train", "x", "--recipe", top[:-1], cwd=tmp_path)
    assert complete("train", "x", "--protocol", "person") == ["person", "person-5fold"]
    assert complete("train", "x", "--set", "plateau.f") == ["plateau.factor="]
    assert complete("list", "--kind", "de") == ["detector"]
    assert complete("predict", "x", "--set", "smooth.b") == ["smooth.beta="]
    assert complete("predict", "x", "--set", "det") == ["detector."]


def test_run_folders(tmp_path: Path) -> None:
    for name in ("runs/one-s0", "runs/two-s0", "runs/series/three-s0", "photos"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("one-s0", "two-s0", "series/three-s0"):
        (tmp_path / "runs" / name / "config.toml").write_text("")
    assert complete("predict", "", cwd=tmp_path) == [
        *("photos/", "runs/", "runs/one-s0", "runs/two-s0")
    ]
    (tmp_path / "photos" / "me.jpg").write_text("")
    assert complete("predict", "runs/one-s0", "ph", cwd=tmp_path) == ["photos/"]
    assert complete("predict", "runs/one-s0", "photos/", cwd=tmp_path) == ["photos/me.jpg"]
    assert complete("evaluate", "runs/o", cwd=tmp_path) == ["runs/one-s0"]
    assert complete("compare", "runs/one-s0", "runs/", cwd=tmp_path) == [
        *("runs/one-s0", "runs/series/", "runs/two-s0")
    ]
    assert complete("train", "--resume", "runs/series/", cwd=tmp_path) == ["runs/series/three-s0"]
    assert complete("evaluate", f"{tmp_path}/runs/t") == [f"{tmp_path}/runs/two-s0"]
    assert complete("evaluate", "[", cwd=tmp_path) == []


def test_a_broken_distribution_prints_nothing_during_completion(plant: Plant) -> None:
    folder = plant("damaged", {"zoo.losses": {"x": "x"}})
    (folder / "damaged-1.0.dist-info" / "entry_points.txt").write_text("[zoo.losses]\nno equals\n")
    assert complete("train", "x", "--loss", "smoo") == ["smooth_l1"]


@pytest.mark.parametrize(
    "words", ["zoo train c", "zoo train x --set lr", "zoo evaluate r", "zoo predict x --set tr"]
)
def test_nothing_heavy_is_imported_while_a_shell_waits(words: str) -> None:
    code = (
        "import os, sys\n"
        "from zoo.cli import app\n"
        "try:\n    app(prog_name='zoo')\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'torchvision', 'timm', 'numpy', 'cv2', 'pandas'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))))\n"
    )
    variables = {"_ZOO_COMPLETE": "complete_bash", "COMP_WORDS": words}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **variables, "COMP_CWORD": str(len(words.split()) - 1)},
    )
    assert done.stderr.strip() == "[]"


def test_a_real_bash_completes_after_installing(tmp_path: Path) -> None:
    """In a new home: source what `--install-completion` writes, and call its function for Tab."""
    command = tmp_path / "bin" / "zoo"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -P -c '{CODE}' \"$@\"\n")
    command.chmod(0o755)
    script = (
        "zoo --install-completion && . ~/.bashrc\n"
        "COMP_WORDS=(zoo train cust); COMP_CWORD=2; _zoo_completion zoo\n"
        'printf "<%s>\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "SHELL": "/bin/bash",
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        },
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "<custom_cnn>"
