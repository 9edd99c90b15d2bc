"""The public contract of `zoo.api` as text, one promise a line, to be compared with a snapshot.

`python tests/api/contract.py` prints it; with `--write` it replaces the snapshot of this version.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from zoo import api
from zoo.registry.call import GIVEN

SNAPSHOT = Path(__file__).with_name(f"contract_v{api.API_VERSION}.txt")

HEADING = """\
# What zoo.api promises to plugins, version {version}, and tests/api/test_contract.py keeps.
# Written by: python tests/api/contract.py --write. What may change: docs/plugins/contract.md
"""


def promises() -> list[str]:
    """Every public name with its fields, their types and defaults, methods with signatures."""
    lines = [line for name in sorted(api.__all__) for line in _lines_of(name, getattr(api, name))]
    lines += [
        f"{kind}.build is given, where it names it: {name}"
        for kind, names in GIVEN.items()
        for name in sorted(names)
    ]
    return lines


def text() -> str:
    return HEADING.format(version=api.API_VERSION) + "\n".join(promises()) + "\n"


def snapshot() -> list[str]:
    return [line for line in SNAPSHOT.read_text().splitlines() if not line.startswith("#")]


def breaches(before: Iterable[str], now: Iterable[str]) -> tuple[list[str], list[str]]:
    """(what breaks plugins of this version, what only adds to it), as lines of a diff."""
    old, new = list(before), list(now)
    gone = [f"- {line}" for line in old if line not in new]
    added = [line for line in new if line not in old]
    breaking = gone + [f"+ {line}" for line in added if not _may_be_added(line, old)]
    return breaking, [f"+ {line}" for line in added if _may_be_added(line, old)]


def _may_be_added(line: str, old: list[str]) -> bool:
    """Whether a line only adds: a new name or optional field, but no new member of a protocol."""
    name = line.partition(".")[0]
    owner = next((each for each in old if each.startswith(f"{name}: ")), None)
    if owner is None or "is given, where it names it" in line:
        return True
    return owner.endswith("dataclass") and (" = " in line or "(self" in line or " -> " in line)


def _lines_of(name: str, thing: Any) -> Iterator[str]:
    if inspect.isclass(thing) and is_dataclass(thing):
        yield f"{name}: frozen dataclass" if _frozen(thing) else f"{name}: dataclass"
        yield from (f"{name}.{f.name}: {f.type}{_default(f)}" for f in fields(thing))
        yield from _members(name, thing, {f.name for f in fields(thing)})
    elif inspect.isclass(thing) and issubclass(thing, BaseException):
        bases = ", ".join(base.__name__ for base in thing.__bases__)
        yield f"{name}: exception, a {bases}"
        if (status := getattr(thing, "exit_status", None)) is not None:
            yield f"{name}.exit_status = {status}"
    elif inspect.isclass(thing):
        yield f"{name}: protocol"
        yield from _members(name, thing, set())
    elif isinstance(thing, FunctionType):
        yield f"{name}: function {_signature(thing)}"
    elif isinstance(thing, api.LandmarkScheme):
        digest = hashlib.sha256(repr(thing).encode()).hexdigest()[:16]
        yield f"{name}: LandmarkScheme {thing.name} of {len(thing)} points, sha256 {digest}"
    elif isinstance(thing, int | tuple | frozenset):
        yield f"{name} = {sorted(thing) if isinstance(thing, frozenset) else thing}"
    else:
        yield f"{name}: type {str(thing).replace('collections.abc.', '').replace('typing.', '')}"


def _frozen(cls: Any) -> bool:
    return bool(cls.__dataclass_params__.frozen)


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f" = {field.default!r}"
    if field.default_factory is not MISSING:
        return f" = {field.default_factory.__name__}()"
    return ""


def _members(name: str, cls: type, known: set[str]) -> Iterator[str]:
    attributes: Mapping[str, Any] = vars(cls)
    for member, value in attributes.items():
        if member in known or (member.startswith("_") and member != "__len__"):
            continue
        if isinstance(value, property):
            yield f"{name}.{member} -> {inspect.signature(value.fget).return_annotation}"  # type: ignore[arg-type]
        elif isinstance(value, FunctionType):
            yield f"{name}.{member}{_signature(value)}"


def _signature(function: FunctionType) -> str:
    return str(inspect.signature(function)).replace("'", "")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        SNAPSHOT.write_text(text())
        print(f"wrote {SNAPSHOT}")
    else:
        print(text(), end="")
