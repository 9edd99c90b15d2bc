"""Run folders without a record: what they are, and what to type."""

from __future__ import annotations

import re
from pathlib import Path

RUN_NAME = re.compile(r"-[0-9a-f]{6}-s\d+(-f\d+)?(-\d+)?$")
"""How the names of run folders end."""

STILLBORN = (
    "is a run that was stopped before its training began: it has no config.toml, and nothing was "
    "trained in it. Delete the folder and give its `zoo train` command again"
)


def unfinished(folder: Path) -> str:
    """Why a run folder has no record; empty for one that has, and for what is no run folder."""
    if (folder / "record.json").is_file():
        return ""
    if (folder / "config.toml").is_file():
        return f"is not finished: it has no record.json. Go on with: zoo train --resume {folder}"
    return STILLBORN if is_stillborn(folder) else ""


def is_stillborn(folder: Path) -> bool:
    """Whether `zoo train` was killed here between making the folder and writing config.toml."""
    if not folder.is_dir():
        return False
    inside = [path for path in folder.iterdir() if not path.name.startswith(".config.toml.")]
    state = folder / "state"
    if inside == [state] and state.is_dir():
        return all(path.name == "lock" for path in state.iterdir())
    return not inside and RUN_NAME.search(folder.name) is not None
