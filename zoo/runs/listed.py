"""The catalogue's models and the shipped recipes, with a line about each, for lists that must be
quick: :mod:`.catalogue` reads and checks all of it and can fetch, and :mod:`zoo.config` knows every
key.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from zoo.api import DataError

CATALOGUE = Path(__file__).parent / "bundled" / "catalogue.toml"
VARIABLE = "ZOO_CATALOGUE"
"""Names the file of a second catalogue, of one's own models."""


def recipes() -> dict[str, str]:
    """The first line of each shipped recipe, which says what it is, by its name."""
    found = {}
    for file in sorted((Path(__file__).parents[1] / "config" / "recipes").glob("*.toml")):
        with file.open(encoding="utf-8") as lines:
            found[file.stem] = lines.readline().strip("# .\n")
    return found


def models() -> dict[str, str]:
    """The summary of each model that marks points, by its name. Raises :class:`DataError` naming a
    file that cannot be read."""
    files = [CATALOGUE]
    if own := os.environ.get(VARIABLE):
        files.append(Path(os.path.expanduser(own)))
    return {
        name: str(entry.get("summary", ""))
        for file in files
        for name, entry in _tables(file).items()
        if isinstance(entry, dict) and entry.get("kind", "landmarks") == "landmarks"
    }


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: no catalogue of models: {error}") from error
