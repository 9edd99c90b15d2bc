"""A package written for version 1 of the contract is installed as it was, and passes."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from environments import Environment, make_environment

PACKAGE = Path(__file__).with_name("frozen_v1")
DIGEST = "17dc7b88d90e8f44"


def test_the_package_is_what_it_was() -> None:
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*")):
        if file.suffix in (".py", ".toml", ".md"):
            digest.update(file.relative_to(PACKAGE).as_posix().encode())
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    assert digest.hexdigest()[:16] == DIGEST, "it must not change: plugin authors' packages do not"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("first")
    shutil.copytree(PACKAGE, folder / "package")
    environment = make_environment(folder / "environment", OMP_NUM_THREADS="1")
    environment.install(folder / "package")
    return environment


@pytest.mark.slow
def test_it_passes_the_conformance_kit(installed: Environment) -> None:
    package = installed.folder.parent / "package"
    done = installed.run(["pytest", "-q", "-p", "no:cacheprovider"], package)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed in", done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.slow
def test_its_plugins_train_together(installed: Environment, tmp_path: Path) -> None:
    plugins = ["--head", "first_head", "--loss", "first_loss", "--dataset", "first_dataset"]
    few = ["--set", "dataset.people=20", "--set", "dataset.frames=2", "--set", "input_size=32"]
    command = ["zoo", "train", "timm:test_resnet", *plugins, *few, "--epochs", "1"]
    done = installed.run(command, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "runs/timm-test_resnet-first_dataset-" in done.stdout
