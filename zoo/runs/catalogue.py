"""The catalogue of models: their names, files, digests and addresses. This module finds the files
of a model, and fetches them.

Most models mark points; those of the kind ``detector`` find faces, for a detector plugin to run.

``ZOO_CATALOGUE`` names a second catalogue file, of one's own models. With ``ZOO_OFFLINE=1`` only
what a user asks for is fetched.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.api.errors import unknown_name

from ..api import DataError, UsageError
from ..fetching import ManifestFile, NotFetchedError, fetch_files, fetch_quickly, is_whole
from ..files import zoo_home
from ..files.by_content import is_brought
from ..files.reading import read_toml
from .listed import CATALOGUE as CATALOGUE
from .listed import VARIABLE as VARIABLE

BUNDLED = CATALOGUE.parent
OFFLINE = "ZOO_OFFLINE"
KINDS = ("landmarks", "detector")
WEIGHTS, CONFIG, RECORD, CARD = FILES = (
    "best.safetensors",
    "config.toml",
    "record.json",
    "card.md",
)
"""Files of a folder of a model that marks points."""
GRAPH = "model.onnx"
"""A further file, which predicts without PyTorch; catalogues of earlier versions lack it."""
MOST_BYTES = 1 << 31
LARGEST_NUMBER = 1e15
QUICKLY = 8.0
"""Seconds to wait for a file that the command can do without."""
AGAIN_AFTER = 3600.0
"""Seconds after a failure before a command waits for the same file again."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")


@dataclass(frozen=True)
class Model:
    """An entry of a catalogue."""

    name: str
    summary: str
    address: str
    """Address of the folder that holds the files; empty: the model is bundled only."""
    files: tuple[ManifestFile, ...]
    mirrors: tuple[str, ...] = ()
    """Further addresses, for where the first cannot be reached."""
    kind: str = KINDS[0]
    record: Mapping[str, Any] = field(default_factory=dict)
    """What is shown of it before it is fetched: scheme, nme_ioc, parameters and the like."""
    default: bool = False
    replaces: tuple[str, ...] = ()
    """Names of models that earlier versions had in its place."""

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    @property
    def bundled(self) -> bool:
        return all((BUNDLED / self.name / entry.path).is_file() for entry in self.files)

    @property
    def has_graph(self) -> bool:
        return any(entry.path == GRAPH for entry in self.files)

    @property
    def home(self) -> Path:
        """Where `zoo fetch` puts it."""
        return zoo_home() / "models" / self.name

    def folder(self) -> Path | None:
        """The folder that holds all its files, complete; None: they are not here."""
        places = (BUNDLED / self.name, self.home)
        return next((p for p in places if all(is_whole(p / e.path, e) for e in self.files)), None)


def catalogue() -> dict[str, Model]:
    """Every model by its name, the zoo's first. Raises :class:`DataError` naming a file and an
    entry that cannot be used, and a name that stands in both files."""
    models = read(CATALOGUE)
    if second := os.environ.get(VARIABLE):
        for name, model in read(Path(os.path.expanduser(second))).items():
            if name in models:
                raise DataError(
                    f"{second}: {name} is the name of a model of the zoo; choose another"
                )
            models[name] = model
    return models


def read(path: Path) -> dict[str, Model]:
    """One catalogue file."""
    table = read_toml(path)
    try:
        return {name: _model(name, entry) for name, entry in table.items()}
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _model(name: str, table: Any) -> Model:
    """Raises ValueError that says what is wrong with an entry."""
    require_name(name)
    if not isinstance(table, dict):
        raise ValueError(f"{name} is no table")
    known = {"kind", "summary", "address", "mirrors", "files", "record", "default", "replaces"}
    if unknown := sorted(set(table) - known):
        raise ValueError(f"{name}: unknown key {unknown[0]}; known are {', '.join(sorted(known))}")
    for key in ("files", "record"):
        if not isinstance(table.get(key, {}), dict):
            raise ValueError(f"{name}: {key} is no table")
    kind = table.get("kind", KINDS[0])
    if kind not in KINDS:
        raise ValueError(f"{name}: kind {kind!r} must be {' or '.join(KINDS)}")
    files = tuple(_entry(name, path, each) for path, each in table.get("files", {}).items())
    paths = {entry.path for entry in files if not is_brought(entry.path)}
    if kind == KINDS[0] and paths - {GRAPH} != set(FILES):
        raise ValueError(f"{name}: its files must be {', '.join(FILES)}, and may be {GRAPH}")
    if not files:
        raise ValueError(f"{name}: names no file")
    if kind != KINDS[0] and table.get("default"):
        raise ValueError(f"{name}: only a model that marks points can be the default")
    address, mirrors = table.get("address", ""), table.get("mirrors", [])
    for key, what in (("mirrors", "addresses"), ("replaces", "names")):
        if not isinstance(table.get(key, []), list):
            raise ValueError(f"{name}: {key} is no list of {what}")
    for each in (address, *mirrors):
        if each and not str(each).startswith(_SAFE):
            raise ValueError(f"{name}: address {each} is not https")
    for key, value in table.get("record", {}).items():
        if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
            raise ValueError(f"{name}: record.{key} is no number that a record holds")
    return Model(
        name=name,
        kind=kind,
        summary=str(table.get("summary", "")),
        address=str(address),
        mirrors=tuple(map(str, mirrors)),
        files=files,
        record=dict(table.get("record", {})),
        default=table.get("default") is True,
        replaces=tuple(map(str, table.get("replaces", []))),
    )


def require_name(name: str) -> None:
    """Raises ValueError for what cannot be the name of a model."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: a to z, digits, - and _, a letter first")


def _entry(name: str, path: str, table: Any) -> ManifestFile:
    size, digest = (table.get(k) if isinstance(table, dict) else None for k in ("bytes", "sha256"))
    if type(size) is not int or not 0 < size <= MOST_BYTES:
        raise ValueError(f"{name}: {path}: bytes is no size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{name}: {path}: sha256 is no digest of 64 hexadecimal figures")
    return ManifestFile(path, size, digest)


def find(name: str) -> Model:
    """Raises :class:`UsageError` with close matches."""
    models = catalogue()
    if name in models:
        return models[name]
    if successor := _successor(name, models):
        raise UsageError(f"{name}: this version of the zoo does not have it; use {successor}")
    raise unknown_name("model", name, models, listed_by="zoo models")


def is_named(text: str) -> bool:
    """Whether a catalogue has, or had, a model of that name that marks points. A damaged catalogue
    has none; loading a model from it raises the error."""
    if not _NAME.fullmatch(text):
        return False
    try:
        models = catalogue()
    except DataError:
        return False
    found = models.get(text)
    return found.kind == KINDS[0] if found else bool(_successor(text, models))


def _successor(name: str, models: Mapping[str, Model]) -> str:
    """The model that took the place of one that earlier versions had; empty: none did."""
    return next((model.name for model in models.values() if name in model.replaces), "")


def folder_of(name: str) -> Path:
    """The folder of a model that is here. Raises :class:`UsageError` that says how to get it."""
    model = find(name)
    if folder := model.folder():
        return folder
    if model.address:
        raise UsageError(f"{name}: is not here yet; fetch it: zoo fetch {name}")
    raise DataError(
        f"{name}: its files in {BUNDLED / name} are missing or damaged; install landmark-zoo again"
    )


def run_folder(given: str | Path) -> Path:
    """The folder of a run that is given by its path, or by the name of a model that is here."""
    if not Path(given).exists() and is_named(str(given)):
        return folder_of(str(given))
    return Path(given)


def default_model() -> Model | None:
    """The model that is used where none is named."""
    return next((m for m in catalogue().values() if m.default), None)


def bring(model: Model, source: str | None = None) -> Path:
    """Fetch the missing files of a model from its address or, if that fails, from its mirrors; or
    from ``source`` alone (an address or a folder). Verifies every file; returns the folder.

    Files that are here already are left alone, and a broken download goes on where it stopped.
    Raises :class:`UsageError` for a model without an address, :class:`DataError` where a file
    cannot be fetched or is not the one that the catalogue means.
    """
    if folder := model.folder():
        return folder
    sources = [source] if source else [model.address, *model.mirrors]
    if not sources[0]:
        raise UsageError(f"{model.name}: has no address, since it is bundled with the zoo")
    *earlier, last = sources
    for each in earlier:
        with contextlib.suppress(DataError):  # the last one says what is wrong
            fetch_files(model.files, model.home, each, jobs=2)
            return model.home
    fetch_files(model.files, model.home, last, jobs=2)
    return model.home


def bring_quickly(name: str) -> Path:
    """The folder of a small model that a command uses although the user did not name it. If it is
    not here yet, it is fetched, within :data:`QUICKLY` seconds or not at all.

    After a failure nothing is tried for :data:`AGAIN_AFTER` seconds, so that without a network one
    command waits and not every one. Raises :class:`NotFetchedError` that names the file, the reason
    and what to do.
    """
    model = find(name)
    if folder := model.folder():
        return folder
    if os.environ.get(OFFLINE, "") not in ("", "0"):
        reason = f"{OFFLINE} is set"
    elif not (reason := _failed_lately(model)):
        try:
            for entry in model.files:
                fetch_quickly(entry, model.home, (model.address, *model.mirrors), QUICKLY)
        except NotFetchedError as error:
            reason = str(error)
            _remember(model, reason)
        else:
            return model.home
    files = " and ".join(entry.path for entry in model.files)
    raise NotFetchedError(
        f"{name}: its file {files} is not here and could not be fetched ({reason}); "
        f"`zoo fetch {name}` fetches it, also with --from FOLDER"
    )


_failures: dict[Path, tuple[float, str]] = {}
"""Time and reason of the last failure, by folder: kept here where no file can be written."""


def _failed_lately(model: Model) -> str:
    """Why the last attempt failed, if that was not long ago; else empty."""
    when, reason = _failures.get(model.home, (0.0, ""))
    with contextlib.suppress(OSError, ValueError):
        note = model.home / "failed"
        when, reason = max((when, reason), (note.stat().st_mtime, note.read_text("utf-8")))
    return reason if 0 <= time.time() - when < AGAIN_AFTER else ""


def _remember(model: Model, reason: str) -> None:
    _failures[model.home] = (time.time(), reason)
    with contextlib.suppress(OSError):
        model.home.mkdir(parents=True, exist_ok=True)
        (model.home / "failed").write_text(reason, "utf-8")
