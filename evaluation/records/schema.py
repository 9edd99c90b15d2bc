"""What a record must look like. Schema 2; schema 1 is upgraded, newer ones are refused by name.

Records come from strangers: nothing in one is trusted. A field that is known has its type checked,
one that is not is left alone. Boards of thousands of records are read, so a check costs little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import NoneType
from typing import Any

from zoo.api import DataError

SCHEMA = 2
LARGEST = 2.0**63
"""Of any number in a record: no seed is larger, and no run has more parameters or frames."""

LONGEST = 5000
"""Entries of any list that a board reads."""

Record = dict[str, Any]
Kinds = tuple[type, ...]

_NUMBER: Kinds = (int, float)
_MAYBE: Kinds = (int, float, NoneType)
_REQUIRED: dict[str, dict[str, Kinds]] = {
    "": {
        "schema": (int,),
        "run": (str,),
        "plugin": (dict,),
        "config": (dict,),
        "config_hash": (str,),
        "seed": (int, NoneType),
        "data": (dict,),
        "model": (dict,),
        "results": (dict,),
        "cost": (dict,),
        "environment": (dict,),
    },
    "plugin": {"id": (str,)},
    "data": {
        "dataset": (str,),
        "release": (str,),
        "protocol": (str,),
        "region": (str,),
        "fingerprint": (str,),
        "partial": (bool,),
    },
    "model": {"parameters": (int, NoneType)},
    "environment": {"device": (str, NoneType)},
}
_OPTIONAL: dict[str, dict[str, Kinds]] = {
    "": {"external": (bool,), "history": (list,)},
    "config": {
        "head": (str, NoneType),
        "loss": (str, NoneType),
        "recipe": (str, NoneType),
        "pretrained": (bool, NoneType),
        "fold": (int,),
    },
    "data": {"fold": (int,), "metrics": (int,), "frames": (dict,), "people": (dict,)},
    "model": {"gmacs": _MAYBE, "weights": (str, NoneType)},
    "cost": {"images_per_second": _MAYBE, "bench": (dict, NoneType)},
}
_BENCH: dict[str, Kinds] = {
    "device": (str,),
    "latency_ms": _NUMBER,
    "images_per_second": _NUMBER,
}
_RESULTS: dict[str, Kinds] = {
    "nme_ioc": _MAYBE,
    "nme_ioc_low": _MAYBE,
    "nme_ioc_high": _MAYBE,
    "nme_box": _MAYBE,
    "loss": _MAYBE,
    "fr_08": _MAYBE,
    "auc_08": _MAYBE,
    "n": (int,),
    "floor": (dict,),
}
_OPTIONAL_RESULTS: dict[str, Kinds] = {
    "nme_box_low": _MAYBE,
    "nme_box_high": _MAYBE,
    "fr_10": _MAYBE,
    "coverage": _MAYBE,
    "people": (int,),
    "predictions": (str,),
    "ced": (dict,),
    "pose": (list,),
    "by_person": (dict,),
    "flip": (dict,),
}
_FLIP: dict[str, Kinds] = {"nme_ioc": _MAYBE, "nme_box": _MAYBE, "fr_08": _MAYBE}
_BIN: dict[str, Kinds] = {"name": (str,), "low": _MAYBE, "high": _MAYBE, "n": (int,), "nme": _MAYBE}
_EPOCH: dict[str, Kinds] = {
    "epoch": (int,),
    "train_loss": _MAYBE,
    "val_loss": _MAYBE,
    "val_nme": _MAYBE,
    "lr": _MAYBE,
}
_HISTORY = frozenset({"history", "results"})
_LISTS = frozenset({"ced", "pose", "by_person"})
"""What is long is checked where its form is, column by column."""

_HEX = re.compile("[0-9a-f]{16,128}")


def checked(where: str, record: Any) -> Record:
    """The record, upgraded to SCHEMA in place. Raises DataError that begins with ``where``."""
    if not isinstance(record, dict):
        raise DataError(f"{where}: not a run record: a JSON {type(record).__name__}, not an object")
    _check_schema(where, record)
    splits = _check_missing(where, record)
    for section, types in _REQUIRED.items():
        _check_each(where, section, record[section] if section else record, types)
    for section, types in _OPTIONAL.items():
        _check_known(where, section, record[section] if section else record, types)
    if record["cost"].get("bench") is not None:
        _check_bench(where, record["cost"]["bench"])
    data = record["data"]
    for counts in ("frames", "people"):  # counts, so that no name can stand where one belongs
        if counts in data:
            _check_each(where, f"data.{counts}", data[counts], dict.fromkeys(data[counts], (int,)))
    for split, values in splits.items():
        _check_results(where, f"results.{split}", values)
    _check_entries(where, "history", record.get("history", ()), _EPOCH)
    _check_numbers(where, record)
    record["schema"] = SCHEMA
    data.setdefault("metrics", 1)
    return record


def _check_missing(where: str, record: Record) -> dict[str, dict[str, Any]]:
    """The results by split, once nothing that a board needs is missing."""
    missing = []
    for section, types in _REQUIRED.items():
        part = record.get(section) if section else record
        if type(part) is not dict:
            part = {} if part is None else dict.fromkeys(types)  # its type is named later
        if not types.keys() <= part.keys():
            prefix = f"{section}." if section else ""
            missing += [f"{prefix}{key}" for key in types if key not in part]
    results = record.get("results")
    splits = results if type(results) is dict else {}
    for split, values in splits.items():
        if type(values) is not dict:
            raise DataError(f"{where}: results.{split} is not an object")
        if not _RESULTS.keys() <= values.keys():
            missing += [f"results.{split}.{key}" for key in _RESULTS if key not in values]
    if missing:
        raise DataError(f"{where}: record without {', '.join(missing)}")
    return splits


def _check_numbers(where: str, record: Record) -> None:
    """None is beyond any figure of a run; what overflows in reading is infinite."""
    short: list[Any] = [value for key, value in record.items() if key not in _HISTORY]
    for results in record["results"].values():
        short += [value for key, value in results.items() if key not in _LISTS]
    stack: list[Any] = [short]
    while stack:
        top = stack.pop()
        for item in top.values() if type(top) is dict else top:
            kind = type(item)
            if kind is dict or kind is list:
                stack.append(item)
            elif (kind is float or kind is int) and not -LARGEST <= item <= LARGEST:
                raise _too_large(where, item)


def _check_schema(where: str, record: Record) -> None:
    schema = record.get("schema")
    if type(schema) is not int or schema < 1:
        raise DataError(f"{where}: not a run record: it has no schema number")
    if schema > SCHEMA:
        raise DataError(
            f"{where}: record of schema {schema}, newer than the {SCHEMA} that this version of the "
            "zoo reads: upgrade landmark-zoo"
        )


def _check_results(where: str, name: str, results: Mapping[str, Any]) -> None:
    _check_each(where, name, results, _RESULTS)
    _check_known(where, name, results, _OPTIONAL_RESULTS)
    _check_each(where, f"{name}.floor", results["floor"], dict.fromkeys(results["floor"], _MAYBE))
    _check_known(where, f"{name}.flip", results.get("flip", {}), _FLIP)
    _check_entries(where, f"{name}.pose", results.get("pose", ()), _BIN)
    if "ced" in results:
        _check_curve(where, f"{name}.ced", results["ced"])
    if "by_person" in results:
        _check_sums(where, f"{name}.by_person", results["by_person"])


def _check_bench(where: str, bench: Mapping[str, Any]) -> None:
    lacking = [key for key in _BENCH if key not in bench]
    if lacking:
        raise DataError(f"{where}: cost.bench without {', '.join(lacking)}")
    _check_each(where, "cost.bench", bench, _BENCH)


def _check_each(where: str, name: str, part: Mapping[str, Any], types: Mapping[str, Kinds]) -> None:
    for key, kinds in types.items():
        if type(part[key]) not in kinds:
            raise _wrong(where, f"{name}.{key}" if name else key, part[key], kinds)


def _check_known(
    where: str, name: str, part: Mapping[str, Any], types: Mapping[str, Kinds]
) -> None:
    """The same of keys that may be absent."""
    for key, kinds in types.items():
        if key in part and type(part[key]) not in kinds:
            raise _wrong(where, f"{name}.{key}" if name else key, part[key], kinds)


def _check_entries(
    where: str, name: str, entries: Sequence[Any], types: Mapping[str, Kinds]
) -> None:
    """A list of objects that have these keys."""
    if not entries:
        return
    try:
        columns = list(zip(*map(itemgetter(*types), entries), strict=False))
    except (TypeError, LookupError):
        wanted = ", ".join(types)
        raise DataError(f"{where}: {name} is not a list of objects with {wanted}") from None
    if len(entries) > LONGEST:
        raise DataError(f"{where}: {name} has {len(entries)} entries, more than {LONGEST}")
    for (key, kinds), column in zip(types.items(), columns, strict=True):
        found = set(map(type, column))
        if not found.issubset(kinds):
            wrong = next(value for value in column if type(value) not in kinds)
            raise _wrong(where, f"{name}.*.{key}", wrong, kinds)
        numbers = [v for v in column if v is not None] if NoneType in found else column
        if numbers and str not in kinds:
            low, high = min(numbers), max(numbers)
            if not (low >= -LARGEST and high <= LARGEST):
                raise _too_large(where, max(high, -low))


def _check_curve(where: str, name: str, curve: Mapping[str, Any]) -> None:
    step, values = curve.get("step"), curve.get("values")
    if type(step) not in _NUMBER or not step > 0:  # type: ignore[operator]
        raise DataError(f"{where}: {name}.step is {step!r:.60}, not a number above 0")
    if not _numbers_between(values, 0, 1):
        raise DataError(f"{where}: {name}.values is not a list of shares from 0 to 1")


def _check_sums(where: str, name: str, sums: Mapping[str, Any]) -> None:
    key = sums.get("key")
    if type(key) is not str or not _HEX.fullmatch(key):
        raise DataError(f"{where}: {name}.key is {key!r:.60}, not a hex digest")
    lists = {k: sums[k] for k in ("sum", "n", "failed", "missed") if k in sums}
    if not {"sum", "n"} <= lists.keys():
        raise DataError(f"{where}: {name} needs sum and n")
    for k, values in lists.items():
        if not _numbers_between(values, 0, LARGEST) or len(values) != len(lists["sum"]):
            raise DataError(
                f"{where}: {name}.{k} is not a list of numbers from 0 up, one for each person"
            )


def _numbers_between(values: Any, low: float, high: float) -> bool:
    """Whether it is a list of numbers within these bounds: only numbers compare with numbers."""
    try:
        return (
            type(values) is list
            and 0 < len(values) <= LONGEST
            and bool(low <= min(values))
            and bool(max(values) <= high)
        )
    except TypeError:
        return False


def _too_large(where: str, number: float) -> DataError:
    reason = f"{number!s:.20} is not finite, or beyond any figure of a run"
    return DataError(f"{where}: not a JSON record ({reason})")


def _wrong(where: str, key: str, value: Any, kinds: Kinds) -> DataError:
    names = " or ".join("null" if k is NoneType else k.__name__ for k in kinds)
    return DataError(f"{where}: {key} is {value!r:.60}, not {names}")
