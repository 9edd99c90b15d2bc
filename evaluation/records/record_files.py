"""Finds, reads and writes record files. They are JSON, with the fields of :mod:`.schema`."""

from __future__ import annotations

import gc
import hashlib
import json
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from zoo.api import DataError, Problem
from zoo.files import write_whole
from zoo.files.reading import read_whole

from .schema import Record, checked, decoded
from .unfinished import may_be_unfinished

MAX_BYTES = 4 << 20
"""Largest size of a record file. A record has some kilobytes; larger files are something else."""

NOT_THE_CONFIGURATION = frozenset(
    {"seed", "fold", "device", "compile", "data", "most_skipped", "out", "log_with"}
)
"""Keys that may differ between runs of one configuration: which run it is, where and how it ran."""

RENAMED = {
    "backbone_lr": "backbone_lr_factor",
    "pseudo_keep": "pseudo_keep_share",
}
"""Keys that have another name in configurations of earlier versions. The hash of a configuration is
still computed with the earlier names."""

WIDTH = 100
"""Longest line of a record file. A line is longer only if its content cannot be broken."""


def config_hash(config: Mapping[str, Any]) -> str:
    """12 hex digits that are equal for runs of one configuration with any seed, device and paths.

    A key without a value (None) counts as absent, as in the run's config.toml. A recipe file counts
    by its name, without its folder. A weights file counts by its content, if the configuration has
    its digest.
    """
    earlier = {new: old for old, new in RENAMED.items()}
    kept = {
        earlier.get(key, key): value
        for key, value in config.items()
        if key not in NOT_THE_CONFIGURATION and value is not None
    }
    if "recipe" in kept:
        kept["recipe"] = Path(str(kept["recipe"])).stem
    if kept.get("weights_sha256"):
        kept.pop("weights", None)
    if kept.get("pseudo_sha256"):
        kept.pop("pseudo", None)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a record, completely or not at all.

    Args:
        record: The record as JSON: a new one, or the ``raw`` of one that was read.
        path: The file. Its folder is made if it is missing.

    Raises:
        DataError: The record could not be loaded again; nothing is written.
    """
    try:
        text = layout(record)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a record holds finite numbers and text only ({error})") from error
    checked(str(path), _parse(path, text))
    write_whole(path, f"{text}\n".encode())


def load_record(path: Path) -> Record:
    """Read and check a record.

    Args:
        path: A ``record.json``, or a record file of another name.

    Returns:
        The record with its types, upgraded from an older schema.

    Raises:
        DataError: The file cannot be read or is no record; names the file and the field.
    """
    return checked(str(path), _parse(path, _read(path)[1]))


def find_records(
    places: Iterable[Path],
) -> tuple[list[tuple[Path, Record]], list[Problem], list[Path]]:
    """The records in folders or files, the files that cannot be read, and the folders that may be
    runs without a record.

    In a folder, records are all files ``record.json`` and ``*.record.json`` at any depth, and the
    other .json files directly in the folder that have ``schema`` and ``results``. Each file is read
    once, in the order of paths. A record that cannot be read is a Problem and not an error, so that
    the other results are not lost.
    """
    found: list[tuple[Path, Record]] = []
    problems: list[Problem] = []
    without: set[Path] = set()
    identities: set[tuple[int, int]] = set()
    with without_collector():
        for place in places:
            if not place.exists():
                problems.append(Problem(str(place), "no such file or folder"))
                continue
            for path, certain in _files(place, problems, without):
                try:
                    identity, content = _read(path)
                    if identity in identities:
                        continue
                    identities.add(identity)
                    if certain and (record := decoded(content)) is not None:
                        found.append((path, record))
                        continue
                    value = _parse(path, content)
                    if certain or _meant_as_a_record(value):
                        found.append((path, checked(str(path), value)))
                except DataError as error:
                    problems.append(Problem(str(path), str(error).removeprefix(f"{path}: ")))
    return found, problems, sorted(without)


@dataclass(frozen=True)
class Source:
    """A record, and the file that it was read from."""

    path: Path
    record: Record


@contextmanager
def without_collector() -> Iterator[None]:
    """Stop the garbage collector while many records are read.

    Records hold no cycles, but the collector would visit all of them again and again, which takes a
    third of the time of a large board.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _files(place: Path, problems: list[Problem], without: set[Path]) -> Iterator[tuple[Path, bool]]:
    """The files that may be records, and whether their names say that they are. Linked folders are
    entered too, but no folder twice."""
    if not place.is_dir():
        yield place, True
        return
    root = str(place)
    found: list[tuple[str, bool]] = []
    waiting, links = [root], list[str]()
    entered: set[tuple[int, int]] = set()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop()
        try:
            status = os.stat(folder)
            if (identity := (status.st_dev, status.st_ino)) in entered:
                continue
            entered.add(identity)
            # a system call for each name, as in zoo.files.folders, is too slow for a large board
            with os.scandir(folder) as entries:
                inside = [
                    (e.name, e.path, e.is_dir(follow_symlinks=False), e.is_symlink())
                    for e in entries
                ]
        except OSError as error:
            problems.append(Problem(folder, f"cannot be read ({error})"))
            continue
        names = [name for name, *_ in inside]
        run = "record.json" in names
        if may_be_unfinished(os.path.basename(folder), names):
            without.add(Path(folder))
        for name, path, is_folder, is_link in inside:
            if is_folder or (is_link and os.path.isdir(path)):
                if not (run and name in ("predictions", "state")):  # these hold no records
                    (links if is_link else waiting).append(path)
            elif name.endswith(".json"):
                certain = name == "record.json" or name.endswith(".record.json")
                if certain or folder == root:
                    found.append((path, certain))
    for path, certain in sorted(found):
        yield Path(path), certain


def _meant_as_a_record(value: Any) -> bool:
    """Whether a .json file of another name is a record, since other programs write JSON too."""
    return isinstance(value, dict) and "schema" in value and "results" in value


def _read(path: Path) -> tuple[tuple[int, int], bytes]:
    """The identity of a file (device and inode), and its content."""
    content, status = read_whole(path, MAX_BYTES)
    return (status.st_dev, status.st_ino), content


def _parse(path: Path, content: bytes | str) -> Any:
    try:
        if isinstance(content, bytes):
            content = content.removeprefix(BOM_UTF8)  # an editor may have added it
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON record ({error})") from error


def layout(value: Any, depth: int = 0) -> str:
    """JSON for people and for diffs: a value that fits, or a plain list, is on a single line."""
    flat = json.dumps(value, default=_plain, allow_nan=False)
    if not isinstance(value, Mapping | list | tuple) or 2 * depth + len(flat) <= WIDTH:
        return flat
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, Mapping):
        lines = [f"{json.dumps(str(key))}: {layout(v, depth + 1)}" for key, v in value.items()]
        return "{\n" + ",\n".join(inner + line for line in lines) + f"\n{outer}}}"
    if not any(isinstance(item, Mapping | list | tuple) for item in value):
        return flat
    # a list of objects is a table: one line for each, which may be longer than others
    lines = [json.dumps(item, default=_plain, allow_nan=False) for item in value]
    return "[\n" + ",\n".join(inner + line for line in lines) + f"\n{outer}]"


def _plain(value: Any) -> Any:
    """The JSON value of a numpy scalar or a path, which the values of a run may contain."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not belong in a record")
