"""Where data lives: ``--data``, ``$ZOO_DATA``, ``$ZOO_HOME``."""

from __future__ import annotations

import os
from pathlib import Path

from ..api import DataError, Dataset
from ..files import zoo_home


def default_root(dataset_id: str) -> Path:
    """Where ``zoo data fetch`` puts a data set when no place is named."""
    data = os.environ.get("ZOO_DATA")
    return (Path(os.path.expanduser(data)) if data else zoo_home() / "data") / dataset_id


def find_root(dataset_id: str, plugin: Dataset, data: Path | None) -> Path | None:
    """The root to open: ``data`` when given, else the first default place that exists.

    None for a data set that is drawn rather than read. Raises :class:`DataError` that names the
    places and says what to type.
    """
    if not plugin.needs_root:
        return None
    if data is not None:
        root = Path(os.path.expanduser(data))
        if not root.exists():
            raise DataError(f"{root}: no such file or folder; --data takes the data set's root")
        return root.resolve()
    # an id may come qualified, as runs store it: distribution/id
    name = dataset_id.rpartition("/")[2]
    places = [default_root(name), zoo_home() / "data" / name]
    for place in places:
        if place.exists():
            return place.resolve()
    searched = ", ".join(dict.fromkeys(map(str, places)))
    fetch = f"`zoo data fetch {name}`, " if plugin.fetch is not None else ""
    raise DataError(
        f"{name}: no data at {searched}. "
        f"Try {fetch}`--data ROOT`, or `--dataset synthetic` for drawn faces."
    )
