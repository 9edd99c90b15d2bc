"""Run folders without a record: what they are, and what to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from zoo.api import Problem

RUN_NAME = re.compile(r"-[0-9a-f]{6}-s\d+(-f\d+)?(-\d+)?$")
"""How the names of run folders end."""

STILLBORN = (
    "is a run that was stopped before its training began: it has no config.toml, and nothing was "
    "trained in it. Delete the folder and give its `zoo train` command again"
)


NAMED = 3
"""Run folders that are named where there are many."""


def unfinished(folder: Path) -> str:
    """Why a run folder has no record; empty for one that has, and for what is no run folder."""
    if (folder / "record.json").is_file():
        return ""
    if (folder / "config.toml").is_file():
        return (
            "is not finished: it has no record.json, since it was stopped or is still training. "
            f"Go on with: zoo train --resume {folder}"
        )
    return STILLBORN if is_stillborn(folder) else ""


def may_be_unfinished(name: str, inside: Sequence[str]) -> bool:
    """Whether a folder of this name, with this in it, may be a run without a record."""
    is_run = "state" in inside or RUN_NAME.search(name) is not None
    return is_run and "record.json" not in inside


def left_out(folders: Sequence[Path]) -> list[Problem]:
    """One line for all the runs that no board can show; none where there are none."""
    told = {folder: why for folder in folders if (why := unfinished(folder))}
    if len(told) <= 1:
        return [Problem(str(folder), why) for folder, why in told.items()]
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    where = f"{', '.join(map(str, list(told)[:NAMED]))}{more}"
    reason = (
        f"{len(told)} runs are not finished: they have no record.json, since they were stopped or "
        "are still training. Go on with each: zoo train --resume RUN"
    )
    return [Problem(where, reason)]


def is_stillborn(folder: Path) -> bool:
    """Whether `zoo train` was killed here between making the folder and writing config.toml."""
    if not folder.is_dir():
        return False
    inside = [path for path in folder.iterdir() if not path.name.startswith(".config.toml.")]
    state = folder / "state"
    if inside == [state] and state.is_dir():
        return all(path.name == "lock" for path in state.iterdir())
    return not inside and RUN_NAME.search(folder.name) is not None
