"""Names of output files, each given once and none that exists; and counts in words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

LONGEST = 200
"""Most bytes of a name before its ending: file systems allow 255 in all."""


class OutputNames:
    """Gives names to output files in one folder.

    A name that was given before gets a number, as for pictures of the same name from two folders.
    So does the name of an input, since an input is never overwritten. Without ``overwrite``, so
    does the name of any file that exists: the user may have corrected what an earlier run wrote.
    """

    def __init__(
        self, folder: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False
    ) -> None:
        self.folder = folder
        self.overwrite = overwrite
        self.kept: list[Path] = []
        """Existing files because of which a new file got a number."""
        self._taken = {_key(path) for path in inputs}

    def take(self, stem: str, ending: str, *others: str) -> Path:
        """``FOLDER/face-points.png`` for ("face", "-points.png"), or with a number:
        ``FOLDER/face-2-points.png``. ``others``: endings with which the name must be free, too."""
        return self.all(stem, ending, *others)[0]

    def all(self, stem: str, *endings: str) -> list[Path]:
        """One name with each of these endings; where one path is taken, all get the same number."""
        while len(os.fsencode(stem)) > LONGEST:
            stem = stem[:-1]
        number = 1
        while not self._free(paths := self._paths(stem, number, *endings)):
            number += 1
        self._taken.update(map(_key, paths))
        return paths

    def _free(self, paths: list[Path]) -> bool:
        if any(_key(path) in self._taken for path in paths):
            return False
        existing = [] if self.overwrite else [path for path in paths if os.path.lexists(path)]
        self.kept += existing
        return not existing

    def _paths(self, stem: str, number: int, *endings: str) -> list[Path]:
        name = stem if number == 1 else f"{stem}-{number}"
        return [self.folder / f"{name}{ending}" for ending in endings]


def _key(path: Path) -> str:
    # on Windows and macOS, Face.png and face.png are the same file
    return str(path.absolute()).casefold()


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
