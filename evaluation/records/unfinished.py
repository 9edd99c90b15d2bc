"""Run folders without a record: why they have none, and which command helps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from zoo.api import Problem

RUN_NAME = re.compile(r"-[0-9a-f]{6}-s\d+(-f\d+)?(-\d+)?$")
"""The end of a run folder's name."""

STILLBORN = (
    "is a run that was stopped before its training began: it has no config.toml, and nothing was "
    "trained in it. Delete the folder and give its `zoo train` command again"
)

NAMED = 3
"""A message names at most this many run folders."""


def unfinished(folder: Path) -> str:
    """Why a run folder has no record; empty if it has one, and for other folders."""
    if (folder / "record.json").is_file():
        return ""
    if (folder / "config.toml").is_file():
        return (
            "is not finished: it has no record.json, since it was stopped or is still training. "
            f"Go on with: zoo train --resume {folder}"
        )
    return STILLBORN if is_stillborn(folder) else ""


def may_be_unfinished(name: str, inside: Sequence[str]) -> bool:
    """Whether a folder with this name and content may be a run without a record."""
    is_run = "state" in inside or RUN_NAME.search(name) is not None
    return is_run and "record.json" not in inside


def left_out(folders: Sequence[Path]) -> list[Problem]:
    """One problem for all runs that a board cannot show; an empty list if there are none."""
    reasons = {folder: why for folder in folders if (why := unfinished(folder))}
    if len(reasons) <= 1:
        return [Problem(str(folder), why) for folder, why in reasons.items()]
    more = f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    where = f"{', '.join(map(str, list(reasons)[:NAMED]))}{more}"
    reason = (
        f"{len(reasons)} runs are not finished: they have no record.json, since they were stopped "
        "or are still training. Go on with each: zoo train --resume RUN"
    )
    return [Problem(where, reason)]


def is_stillborn(folder: Path) -> bool:
    """Whether `zoo train` was stopped here after making the folder, before writing config.toml."""
    if not folder.is_dir():
        return False
    inside = [path for path in folder.iterdir() if not path.name.startswith(".config.toml.")]
    state = folder / "state"
    if inside == [state] and state.is_dir():
        return all(path.name == "lock" for path in state.iterdir())
    return not inside and RUN_NAME.search(folder.name) is not None
