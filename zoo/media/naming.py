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

    def take(self, stem: str, ending: str) -> Path:
        """``FOLDER/STEM-points.png`` for ("face", "-points.png"), or with a number:
        ``FOLDER/face-2-points.png``."""
        number = 1
        while _key(path := self.folder / f"{numbered(stem, number)}{ending}") in self._taken:
            number += 1
        self._taken.add(_key(path))
        return path


def numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def _key(path: Path) -> str:
    # file systems of two of the three large systems take Face.png and face.png for one
    return str(path.absolute()).casefold()


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
