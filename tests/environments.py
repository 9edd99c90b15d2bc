"""Throw-away virtual environments in which tests install packages as a user would.

An environment has its own site-packages and also sees the packages of this Python, so that
installing a plugin into it takes a second and downloads nothing. pip uses no index but a local
one, and no setting of this machine.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import quick_process

COMMANDS = ("zoo", "pip", "pytest", "twine")
"""Console commands that an environment gets."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the variables of a shell in it."""

    folder: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        settings = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.folder),
            "ZOO_HOME": str(self.folder / "zoo-home"),
            # What a command prints must not depend on who runs the tests.
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONUNBUFFERED": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # 0 means: no isolation, for setuptools is here
        }
        removed = ("PYTHONPATH", "PYTEST_ADDOPTS", "ZOO_DATA", "ZOO_PLUGINS")
        removed += ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
        inherited = {key: value for key, value in os.environ.items() if key not in removed}
        return inherited | settings | dict(self.more)

    def python(self, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its Python; stdout and stderr are merged, as on a terminal."""
        python = self.folder / "bin" / "python"
        return quick_process.run(arguments, cwd, self.variables, merged=True, python=python)

    def run(self, command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command; stdout and stderr are merged, as on a terminal."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )

    def install(self, *packages: Path) -> None:
        """Install packages from their folders, without their dependencies."""
        options = ["-q", "--no-deps", "--no-build-isolation"]
        done = self.run(["pip", "install", *options, *packages], self.folder)
        assert done.returncode == 0, done.stdout


def make_environment(folder: Path, **more: str) -> Environment:
    """A new environment in ``folder``; ``more`` are further variables of its shells."""
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    outer = sysconfig.get_path("purelib")
    # addsitedir, not the path alone: an editable install of the zoo is a .pth file in there.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")
    python, quick = folder / "bin" / "python", quick_process.can_fork(os.environ | more)
    for name in COMMANDS:
        if quick and name in ("zoo", "pytest"):
            quick_process.command(folder / "bin", name, python)
            continue
        [point] = metadata.entry_points(group="console_scripts", name=name)
        script = folder / "bin" / name
        script.write_text(
            f"#!{python}\nimport sys\n"
            f"from {point.module} import {point.attr}\nsys.exit({point.attr}())\n"
        )
        script.chmod(0o755)
    return Environment(folder, more)


def wheel_of(distribution: str, folder: Path) -> Path:
    """Build a wheel from the files of an installed pure-Python distribution."""
    found = metadata.distribution(distribution)
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{distribution.replace('-', '_')}-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in found.files or ():
            if file.suffix != ".pyc" and ".." not in file.parts:
                archive.write(str(file.locate()), file.as_posix())
    return wheel
