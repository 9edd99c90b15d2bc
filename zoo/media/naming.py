"""Names of the outputs: none twice, and none that is an input's. And numbers of things."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Names:
    """Gives out names below one folder.

    Pictures of one name from two folders get a number, in the order of asking; so does a name
    under which an input lies there, for an input is never written over.
    """

    def __init__(self, folder: Path, inputs: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._taken = {_key(path) for path in inputs}

    def take(self, stem: str, ending: str, *others: str) -> Path:
        """``FOLDER/STEM-points.png`` for ("face", "-points.png"), or with a number:
        ``FOLDER/face-2-points.png``. ``others``: endings that the same name must be free with."""
        number = 1
        while any(_key(path) in self._taken for path in self._paths(stem, number, ending, *others)):
            number += 1
        paths = self._paths(stem, number, ending, *others)
        self._taken.update(map(_key, paths))
        return paths[0]

    def _paths(self, stem: str, number: int, *endings: str) -> list[Path]:
        name = stem if number == 1 else f"{stem}-{number}"
        return [self.folder / f"{name}{ending}" for ending in endings]


def _key(path: Path) -> str:
    # file systems of two of the three large systems take Face.png and face.png for one
    return str(path.absolute()).casefold()


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
