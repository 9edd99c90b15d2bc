"""The run folder: where the files of a run are, and how a new one gets its name."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..api import DataError, UsageError, ZooError
from ..api.errors import did_you_mean
from ..config import Config, dumps, flatten, loads
from ..evaluation.records import Record, config_hash, load_record
from ..evaluation.records.unfinished import STILLBORN, is_stillborn, unfinished
from ..evaluation.scores.protocols import find_protocol
from ..files import disk_refuses, remove_leftovers, write_whole
from ..files.reading import read_bytes, read_text
from ..registry import bare_id
from .listed import models

WAIT_FOR_RECORD = 60.0
"""Seconds to wait for another process that is writing a run's record."""

ELSEWHERE = ("data", "device", "compile")
"""Keys that may be edited: where and how a run is resumed; the data's fingerprint is checked."""


@dataclass(frozen=True)
class RunFolder:
    """``runs/<backbone>-<dataset>-<6 hex of the configuration's hash>-s<seed>/``; of a protocol
    with folds ``...-s<seed>-f<fold>/``."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def state(self) -> Path:
        return self.path / "state" / "last.safetensors"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def trackers(self) -> Path:
        return self.path / "trackers.json"

    @property
    def curve(self) -> Path:
        return self.path / "curve.png"

    def predictions(self, split: str) -> Path:
        return self.path / "predictions" / f"{split}.npz"

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        write_whole(self.history, _as_csv(rows))

    def repair(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Repair what a killed process left: history.csv gets the rows of the state, and partly
        written files are removed. The caller holds the folder."""
        if rows and not _holds(self.history, _as_csv(rows)):
            self.write_history(rows)
        paths = [self.config, self.best, self.state, self.history]
        if not self.record.is_file():  # else `zoo evaluate` may be writing these
            paths += [self.record, self.curve]
            paths += [self.predictions(split) for split in ("val", "val-flip")]
        for path in paths:
            remove_leftovers(path)

    def write_config(self, config: Config) -> None:
        write_whole(self.config, dumps(config).encode())

    def forget_results(self) -> None:
        """Delete record and predictions before training goes on: they are of older weights."""
        for path in (self.record, *self.predictions("any").parent.glob("*.npz")):
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self, wait: float = 0) -> Iterator[None]:
        """Lock the folder, so that no other process writes here. Raises :class:`UsageError` where
        another one still holds the lock after ``wait`` seconds. It is a lock of the operating
        system, which is released however the process ends.

        A disk that fills up meanwhile is a :class:`ZooError` that says how to go on."""
        self.state.parent.mkdir(exist_ok=True)
        lock = FileLock(self.state.parent / "lock", timeout=wait)
        try:
            lock.acquire()
        except Timeout as error:
            raise UsageError(f"{self.path}: another process is training it") from error
        except OSError as error:  # a file system without locks
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        try:
            yield
        except OSError as error:
            if not disk_refuses(error):
                raise
            raise ZooError(
                f"{error.filename or self.path}: cannot be written: {error.strerror}. What was "
                "saved before is whole; once the disk takes more, go on with: "
                f"zoo train --resume {self.path}"
            ) from error
        finally:
            lock.release()

    def read_config(self) -> Config:
        if os.path.lexists(self.config):
            return loads(read_text(self.config, error=UsageError), str(self.config))
        raise UsageError(f"{self.path}: {self._why_no_run()}")

    def _why_no_run(self) -> str:
        """What a folder without a configuration is."""
        if self.is_external():
            return (
                "is an external entry: the zoo has its points and not its program, so it cannot "
                "run it"
            )
        if is_stillborn(self.path):
            return STILLBORN
        if any(path.is_file() for path in (self.best, self.state, self.history, self.record)):
            return "is a run whose config.toml is gone; put it back from a copy of the folder"
        near = "" if self.path.is_dir() else did_you_mean(str(self.path), self._runs_and_models())
        return (
            f"no run here (it has no config.toml); {f'{near} ' if near else ''}a run is a folder "
            "that `zoo train` made, and `zoo models` lists the models that are ready"
        )

    def _runs_and_models(self) -> Iterator[str]:
        """What may have been meant by the name of a folder that is not there."""
        with suppress(ZooError):  # a damaged catalogue has nothing to do with this run
            yield from models()
        with suppress(OSError):
            for each in self.path.parent.iterdir():
                if (each / "config.toml").is_file():
                    yield str(each)

    def read_record(self) -> Record:
        """The record of a finished run.

        Raises :class:`UsageError` for another folder, saying how to finish the run or what
        the folder is.
        """
        why = unfinished(self.path)
        if not why and not os.path.lexists(self.record):
            why = self._why_no_run()
        if why:
            raise UsageError(f"{self.path}: {why}")
        return load_record(self.record)

    def is_external(self) -> bool:
        """Whether this is what `zoo import` wrote: points and results, and no model."""
        try:
            return load_record(self.record).external
        except DataError:
            return False


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read_bytes(path, len(content)) == content
    except DataError:
        return False


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def run_names(config: Config) -> Iterator[str]:
    """What a completed configuration's run folders are called: the first, the second, ..."""
    backbone, dataset = (as_file_name(bare_id(name)) for name in (config.backbone, config.dataset))
    stem = f"{backbone}-{dataset}-{config_hash(config.to_dict())[:6]}-s{config.seed}"
    if config.protocol and find_protocol(config.protocol).folds > 1:
        stem += f"-f{config.fold}"
    yield stem
    yield from (f"{stem}-{number}" for number in count(2))


def as_file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)


def new_folder(out: Path, config: Config) -> RunFolder:
    """A folder that is this run's alone, holding its configuration."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(next(out / name for name in run_names(config) if claim(out / name)))
        folder.write_config(config)
        folder.state.parent.mkdir()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from error
    return folder


def claim(path: Path) -> bool:
    """Make the folder; False where it exists. One of two runs that start at once gets a name."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def refuse_edited(
    folder: RunFolder, trained: Any, config: Config, but: Collection[str] = ()
) -> None:
    """Refuse a config.toml that no longer says what the run was trained with.

    The run's state and its best weights hold the true configuration. If the run went on with other
    keys, or was scored with them, its record would be wrong.

    Raises :class:`UsageError` that names the keys of ``config`` that differ from ``trained``.
    ``trained`` is what :meth:`Config.to_share` gave when the file was written; in files of older
    versions it is no table, and then nothing is refused. Keys of ``but`` may differ, and ``epochs``
    may be more, where `zoo train --resume --epochs` could have made them more.
    """
    if not isinstance(trained, Mapping):
        return
    then, now = _flat(trained), _flat(config.to_share())
    free = {*ELSEWHERE, *but}
    if config.scheduler != "cosine" and then.get("epochs", 0) <= config.epochs:
        free.add("epochs")
    differ = [
        f"{key} = {_shown(now, key)} (it was {_shown(then, key)})"
        for key in dict.fromkeys((*then, *now))
        if key not in free and then.get(key) != now.get(key)
    ]
    if differ:
        raise UsageError(
            f"{folder.config}: is not what this run was trained with: {', '.join(differ)}. Put "
            "that back; other values are another run, with a `zoo train` of its own"
        )


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(table)
    options = plain.pop("options", None)
    return flatten(plain) | flatten(options if isinstance(options, Mapping) else {})


def _shown(table: Mapping[str, Any], key: str) -> str:
    return repr(table[key]) if key in table else "its default"
