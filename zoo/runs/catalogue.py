"""The catalogue: names, files, digests and addresses; where a model's files are, and fetching them.

``ZOO_CATALOGUE`` names a second catalogue file, of one's own models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.api.errors import did_you_mean

from ..api import DataError, UsageError
from ..fetching import ManifestFile, fetch_files, is_whole
from ..files import zoo_home
from ..files.reading import read_toml

BUNDLED = Path(__file__).parent / "bundled"
CATALOGUE = BUNDLED / "catalogue.toml"
VARIABLE = "ZOO_CATALOGUE"
WEIGHTS, CONFIG, RECORD, CARD = FILES = (
    "best.safetensors",
    "config.toml",
    "record.json",
    "card.md",
)
"""Files of a model's folder."""
GRAPH = "model.onnx"
"""A further one, which predicts without PyTorch; catalogues of an earlier zoo list none."""
MOST_BYTES = 1 << 31
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Model:
    """An entry of a catalogue."""

    name: str
    summary: str
    address: str
    """Address of the folder that holds the files; empty: the model is bundled only."""
    files: tuple[ManifestFile, ...]
    record: Mapping[str, Any] = field(default_factory=dict)
    """What is told of it before it is here: scheme, nme_ioc, parameters and the like."""
    default: bool = False

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
        """Where its files are, whole; None: nowhere here."""
        places = (BUNDLED / self.name, self.home)
        return next((p for p in places if all(is_whole(p / e.path, e) for e in self.files)), None)


def catalogue() -> dict[str, Model]:
    """Every model by its name, the zoo's first. Raises :class:`DataError` naming a file and an
    entry that cannot be used, and a name that stands in both files."""
    found = read(CATALOGUE)
    if own := os.environ.get(VARIABLE):
        for name, model in read(Path(os.path.expanduser(own))).items():
            if name in found:
                raise DataError(f"{own}: {name} is the name of a model of the zoo; choose another")
            found[name] = model
    return found


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
    known = {"summary", "address", "files", "record", "default"}
    if unknown := sorted(set(table) - known):
        raise ValueError(f"{name}: unknown key {unknown[0]}; known are {', '.join(sorted(known))}")
    for key in ("files", "record"):
        if not isinstance(table.get(key, {}), dict):
            raise ValueError(f"{name}: {key} is no table")
    files = tuple(_entry(name, path, each) for path, each in table.get("files", {}).items())
    if {entry.path for entry in files} - {GRAPH} != set(FILES):
        raise ValueError(f"{name}: its files must be {', '.join(FILES)}, and may be {GRAPH}")
    address = str(table.get("address", ""))
    if address and not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ValueError(f"{name}: address {address} is not https")
    return Model(
        name=name,
        summary=str(table.get("summary", "")),
        address=address,
        files=files,
        record=dict(table.get("record", {})),
        default=table.get("default") is True,
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
    hint = did_you_mean(name, models) or "`zoo models` lists what there is"
    raise UsageError(f"{name}: no model of the catalogue; {hint}")


def is_named(text: str) -> bool:
    """Whether a catalogue has a model of that name. A damaged catalogue has none: whoever wants a
    model of it is told."""
    if not _NAME.fullmatch(text):
        return False
    try:
        return text in catalogue()
    except DataError:
        return False


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
    """What stands where a run is asked for: its folder, or the name of a model that is here."""
    if not Path(given).exists() and is_named(str(given)):
        return folder_of(str(given))
    return Path(given)


def default_model() -> Model | None:
    """The one that stands for a model where none is named."""
    return next((m for m in catalogue().values() if m.default), None)


def bring(model: Model, source: str | None = None) -> Path:
    """Fetch what is missing of a model from its address, or from ``source`` (an address or a
    folder), verify every file, and give its folder.

    What is here already is left alone, and a broken download goes on where it stopped. Raises
    :class:`UsageError` for a model without an address, :class:`DataError` where a file cannot be
    had or is not the one that the catalogue means.
    """
    if folder := model.folder():
        return folder
    source = source or model.address
    if not source:
        raise UsageError(f"{model.name}: has no address, since it is bundled with the zoo")
    fetch_files(model.files, model.home, source, jobs=2)
    return model.home
