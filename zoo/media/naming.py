"""Names of the outputs: none twice, and none that is taken. And numbers of things."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

LONGEST = 200
"""Bytes of a name before its ending: file systems take 255 in all."""


class OutputNames:
    """Gives out names below one folder.

    Pictures of one name from two folders get a number, in the order of asking; so does a name
    under which an input lies there, for an input is never written over. So does, but for
    ``overwrite``, one under which anything lies: somebody may have corrected what an earlier run
    wrote.
    """

    def __init__(
        self, folder: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False
    ) -> None:
        self.folder = folder
        self.overwrite = overwrite
        self.kept: list[Path] = []
        """What lies where something new would have been written."""
        self._taken = {_key(path) for path in inputs}

    def take(self, stem: str, ending: str, *others: str) -> Path:
        """``FOLDER/STEM-points.png`` for ("face", "-points.png"), or with a number:
        ``FOLDER/face-2-points.png``. ``others``: endings that the same name must be free with."""
        return self.all(stem, ending, *others)[0]

    def all(self, stem: str, *endings: str) -> list[Path]:
        """One name with each of these endings: the same number where one of them is taken."""
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
        there = [] if self.overwrite else [path for path in paths if os.path.lexists(path)]
        self.kept += there
        return not there

    def _paths(self, stem: str, number: int, *endings: str) -> list[Path]:
        name = stem if number == 1 else f"{stem}-{number}"
        return [self.folder / f"{name}{ending}" for ending in endings]


def _key(path: Path) -> str:
    # file systems of two of the three large systems take Face.png and face.png for one
    return str(path.absolute()).casefold()


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
