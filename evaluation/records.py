"""Run records: what a run was, on what data, with what results. JSON, schema 1.

A record is all that the leaderboard reads. It is meant to be shared and committed, so it counts
people and never names them. Records come from strangers too: nothing in one is trusted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from zoo.api import DataError, Problem

from .files import write_whole

SCHEMA = 1
MAX_BYTES = 4 << 20
"""A record takes some kilobytes; anything near this is something else."""

LARGEST = 1e18
"""Of any number in a record: no run has more parameters or frames."""

Record = dict[str, Any]

NOT_THE_CONFIGURATION = frozenset({"seed", "fold", "device", "data", "out", "log_with"})
"""Keys that do not make another model: which of several runs it is, and where it ran."""

_NUMBER = (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "run": (str,),
    "plugin": (dict,),
    "plugin.id": (str,),
    "config": (dict,),
    "config_hash": (str,),
    "seed": (int, NoneType),
    "data": (dict,),
    "data.dataset": (str,),
    "data.release": (str,),
    "data.protocol": (str,),
    "data.region": (str,),
    "data.fingerprint": (str,),
    "data.partial": (bool,),
    "model": (dict,),
    "model.parameters": (int, NoneType),
    "results": (dict,),
    "cost": (dict,),
    "environment": (dict,),
    "environment.device": (str, NoneType),
}
_RESULT_TYPES: dict[str, tuple[type, ...]] = {
    "nme_ioc": (*_NUMBER, NoneType),
    "nme_ioc_low": (*_NUMBER, NoneType),
    "nme_ioc_high": (*_NUMBER, NoneType),
    "nme_box": (*_NUMBER, NoneType),
    "loss": (*_NUMBER, NoneType),
    "fr_08": (*_NUMBER, NoneType),
    "auc_08": (*_NUMBER, NoneType),
    "n": (int,),
    "floor": (dict,),
}
_OPTIONAL_TYPES: dict[str, tuple[type, ...]] = {
    "external": (bool,),
    "config.head": (str, NoneType),
    "config.loss": (str, NoneType),
    "config.recipe": (str, NoneType),
    "config.pretrained": (bool, NoneType),
    "config.fold": (int,),
    "data.fold": (int,),
    "data.frames": (dict,),
    "data.people": (dict,),
    "model.gmacs": (*_NUMBER, NoneType),
    "model.weights": (str, NoneType),
    "cost.images_per_second": (*_NUMBER, NoneType),
}


def config_hash(config: Mapping[str, Any]) -> str:
    """12 hex digits that runs of one configuration share, whatever their seed, device and paths.

    A key without a value (None) counts as absent, as it is in the run's config.toml. Of a recipe
    file the name counts, and not the folder it lies in; of a weights file its content, where the
    configuration knows it.
    """
    kept = {
        key: value
        for key, value in config.items()
        if key not in NOT_THE_CONFIGURATION and value is not None
    }
    if "recipe" in kept:
        kept["recipe"] = Path(str(kept["recipe"])).stem
    if kept.get("weights_sha256"):
        kept.pop("weights", None)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save_record(record: Mapping[str, Any], path: Path) -> None:
    """Writes a record, whole or not at all. Raises DataError for one that could not be loaded."""
    try:
        text = json.dumps(record, indent=2, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a record holds finite numbers and text only ({error})") from error
    _parse(path, text)
    write_whole(path, f"{text}\n".encode())


def load_record(path: Path) -> Record:
    """Reads and checks a record. Raises DataError that names the file and what is wrong with it."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: larger than {MAX_BYTES >> 20} MiB: not a run record")
        return _parse(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def find_records(
    places: Iterable[Path],
) -> tuple[list[tuple[Path, Record]], list[Problem]]:
    """Every ``record.json`` below the folders, and every .json file that is named itself.

    Each file is read once, in the order of paths. What cannot be read is a Problem, not an error:
    one broken record takes nobody else's results away.
    """
    found: list[tuple[Path, Record]] = []
    problems: list[Problem] = []
    seen: set[Path] = set()
    for place in places:
        if place.is_dir():
            paths = sorted(place.rglob("record.json"))
        elif place.exists():
            paths = [place]
        else:
            problems.append(Problem(str(place), "no such file or folder"))
            continue
        for path in paths:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                found.append((path, load_record(path)))
            except DataError as error:
                problems.append(Problem(str(path), str(error).removeprefix(f"{path}: ")))
    return found, problems


def _parse(path: Path, text: str) -> Record:
    try:
        record = json.loads(text, parse_float=_sane, parse_constant=_sane, parse_int=_sane_int)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON record ({error})") from error
    if not isinstance(record, dict):
        raise DataError(f"{path}: not a run record: a JSON {type(record).__name__}, not an object")
    _check_schema(path, record)
    missing = [key for key in _TYPES if _get(record, key) is _ABSENT]
    for split, results in _splits(path, record).items():
        missing += [f"results.{split}.{key}" for key in _RESULT_TYPES if key not in results]
    if missing:
        raise DataError(f"{path}: record without {', '.join(missing)}")
    _check_types(path, record)
    return record


def _check_schema(path: Path, record: Record) -> None:
    schema = record.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise DataError(f"{path}: not a run record: it has no schema number")
    if schema > SCHEMA:
        raise DataError(
            f"{path}: record of schema {schema}, newer than the {SCHEMA} that this version of the "
            "zoo reads: upgrade landmark-zoo"
        )


def _splits(path: Path, record: Record) -> dict[str, dict[str, Any]]:
    results = record.get("results")
    splits = results if isinstance(results, dict) else {}
    for split, values in splits.items():
        if not isinstance(values, dict):
            raise DataError(f"{path}: results.{split} is not an object")
    return splits


def _check_types(path: Path, record: Record) -> None:
    types = dict(_TYPES)
    types |= {
        key: kind for key, kind in _OPTIONAL_TYPES.items() if _get(record, key) is not _ABSENT
    }
    for split, results in record["results"].items():
        types |= {f"results.{split}.{key}": kind for key, kind in _RESULT_TYPES.items()}
        types |= {f"results.{split}.floor.{key}": (*_NUMBER, NoneType) for key in results["floor"]}
    for counts in ("frames", "people"):  # counts, so that no name can stand where one belongs
        if isinstance(record["data"].get(counts), dict):
            types |= {f"data.{counts}.{split}": (int,) for split in record["data"][counts]}
    for key, kinds in types.items():
        value = _get(record, key)
        # True is an int to Python, and 1 a number of epochs: a record must not mix them up
        wrong = isinstance(value, bool) and bool not in kinds
        if wrong or not isinstance(value, kinds):
            names = " or ".join("null" if k is NoneType else k.__name__ for k in kinds)
            raise DataError(f"{path}: {key} is {value!r:.60}, not {names}")


class _Absent:
    pass


_ABSENT = _Absent()


def _get(record: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        if not isinstance(record, dict) or key not in record:
            return _ABSENT
        record = record[key]
    return record


def _sane(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise ValueError(f"{text:.20} is not finite, or beyond any figure of a run")
    return number


def _sane_int(text: str) -> int:
    _sane(text)
    return int(text)


def _plain(value: Any) -> Any:
    """JSON for what a run's own values may hold: numpy scalars and paths."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not belong in a record")
