"""Writing a package: all of it appears at once under its final name, or nothing appears."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from string import Template

from zoo.api import API_VERSION, UsageError
from zoo.api.kinds import KINDS

from .names import PackageNames


@dataclass(frozen=True)
class Package:
    """A package that was written."""

    names: PackageNames
    folder: Path
    files: tuple[str, ...]
    """Relative to the folder, sorted."""
    commands: tuple[str, str, str]
    """The commands to go on with: install, check, use."""


def write_package(names: PackageNames, folder: Path) -> Package:
    """Write a package with one plugin that works into ``folder``, which must not exist.

    Raises UsageError, and leaves nothing behind, where it exists or cannot be written.
    """
    # lexists: a broken link exists, too
    if os.path.lexists(folder):
        raise UsageError(
            f"{folder} exists already and is left as it is: take another name, "
            "or another folder with --out"
        )
    if not folder.parent.is_dir():
        raise UsageError(f"{folder}: there is no folder {folder.parent} to write it in; make it")
    files = render(names)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for name, text in files.items():
            file = part / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        part.rename(folder)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written: {error.strerror}; name a place that can with --out"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Package(names, folder, tuple(sorted(files)), commands(names, folder))


def render(names: PackageNames) -> dict[str, str]:
    """The files of a package by their names in it."""
    kind = KINDS[names.kind]
    starter = kind.starter
    option = Template(starter.option).substitute(id=names.id)
    values = {
        "name": names.distribution,
        "module": names.module,
        "id": names.id,
        "kind": names.kind,
        "article": f"{'an' if kind.words[0] in 'aeiou' else 'a'} {kind.words}",
        "group": kind.group,
        "api_version": str(API_VERSION),
        "zoo": _compatible_releases(metadata.version("landmark-zoo")),
        "libraries": "".join(f'    "{library}",\n' for library in starter.libraries),
        "summary": starter.summary,
        "check": _check(names),
        "train": _use(names),
        "option": f"Its options are set as in `{option}`.\n" if option else "",
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        ".gitignore": "gitignore",
        f"{names.module}.py": f"{names.kind}.py",
        f"tests/test_{names.module}.py": "test.py",
    }
    return {name: _template(source).substitute(values) for name, source in templates.items()}


def commands(names: PackageNames, folder: Path) -> tuple[str, str, str]:
    """Install, check, use."""
    return (
        f'cd {shlex.quote(str(folder))} && pip install -e ".[test]"',
        _check(names),
        _use(names),
    )


def _use(names: PackageNames) -> str:
    return Template(KINDS[names.kind].starter.use).substitute(id=names.id)


def _check(names: PackageNames) -> str:
    return f"zoo check {names.id}" + (f" --kind {names.kind}" if names.shared_id else "")


def _template(name: str) -> Template:
    file = resources.files("zoo.scaffold") / "templates" / f"{name}.template"
    return Template(file.read_text("utf-8"))


def _compatible_releases(version: str) -> str:
    """The releases of the zoo that a plugin written today will work with, as pip reads them.

    They begin with this release and end before the next major one. Within them, the version of the
    contract says whether a plugin is still served.
    """
    final = re.fullmatch(r"(\d+)\.(\d+)(?:\.\d+)*", version)
    public = version.partition("+")[0]
    lowest = f"{final[1]}.{final[2]}" if final else public
    return f">={lowest},<{int(public.partition('.')[0]) + 1}"
