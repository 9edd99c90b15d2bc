"""Texts that distinguish rows of one backbone: ``heatmap, 96 px, 10 epochs``.

No two rows of a board have the same name. The backbone's name is followed by as few options of the
configuration as distinguish the rows; the options that readers know best come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..records import NOT_THE_CONFIGURATION, Record
from .row import Row

LONGEST = 300
"""A value on a card has at most this many characters; longer ones are cut."""

LONGEST_NAME = 120
"""A name or a word in a table has at most this many characters."""

NUMBERS = (int, float)
FIRST = ("recipe", "head", "input_size", "epochs", "pretrained", "loss")
"""Options that readers know best. The others follow in the order of the configuration."""

_WORDS: Mapping[str, Callable[[Any], str]] = {
    "recipe": str,
    "head": str,
    "input_size": lambda side: f"{side} px",
    "epochs": lambda count: f"{count} epoch{'' if count == 1 else 's'}",
    "pretrained": lambda pretrained: "pretrained" if pretrained else "from random weights",
    "loss": lambda loss: f"loss {loss}",
}


def printable(text: str) -> str:
    """The text as one line without control characters: a record must not control a terminal."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "?" for c in line)


@lru_cache(maxsize=1 << 16)
def words(text: str, longest: int = LONGEST) -> str:
    """``printable`` text, cut to a length. Cached, since records of a board repeat many texts."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def labels(rows: Sequence[Row]) -> list[str]:
    """For each row a text such as ``strong, 112 px``; empty for the only row of its backbone.

    It has as few options of the configuration as distinguish the rows or, if none does, the hash of
    the configuration. A row that started from another run's weights also names that run.
    """
    by_backbone: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_backbone.setdefault(row.backbone, []).append(i)
    found = [""] * len(rows)
    for indices in by_backbone.values():
        if len(indices) == 1:
            continue
        records = [rows[i].sources[0].record for i in indices]
        details = _distinguish([flat(configuration(record)) for record in records])
        texts = [words(text, LONGEST_NAME) for text in details]
        for i, text, record in zip(indices, texts, records, strict=True):
            unclear = texts.count(text) > 1
            found[i] = f"{text} {words(record.config_hash)[:6]}".strip() if unclear else text
    return [
        ", ".join(filter(None, (text, _started_from(row.sources[0].record))))
        for text, row in zip(found, rows, strict=True)
    ]


def _started_from(record: Record) -> str:
    """The run whose weights a row started from; the row's training time does not include it."""
    kind, _, rest = (record.model.weights or "").partition(": ")
    return f"from {words(rest.partition(' sha256: ')[0], LONGEST_NAME)}" if kind == "run" else ""


def named(row: Row) -> str:
    """The backbone, with the row's distinguishing detail in brackets."""
    return f"{row.backbone} ({row.detail})" if row.detail else row.backbone


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, str | int | float | bool]:
    """Nested tables as one table with dotted keys, without empty values. Texts are ``words``."""
    facts: dict[str, str | int | float | bool] = {}
    for key, item in value.items():
        if item is None or item == "" or item == []:
            continue
        name = words(f"{before}{key}")
        if isinstance(item, str):
            facts[name] = words(item)
        elif isinstance(item, NUMBERS):
            facts[name] = item
        elif isinstance(item, dict):
            facts |= flat(item, f"{name}.")
        else:
            facts[name] = words(", ".join(map(str, item)) if isinstance(item, list) else str(item))
    return facts


def configuration(record: Record) -> dict[str, Any]:
    """The configuration of a record's run, without its seed, fold, device and paths."""
    return {k: v for k, v in record.facts.config.items() if k not in NOT_THE_CONFIGURATION}


def _distinguish(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One text for each configuration, different where possible.

    Options are added one by one if that makes more of the texts differ. Options that later ones
    have made unnecessary are removed again.
    """
    columns: list[list[str]] = []
    most = 1
    for key in dict.fromkeys((*FIRST, *(key for config in configs for key in config))):
        if most == len(configs):
            break
        values = [_value(key, config) for config in configs]
        if (count := _count_different([*columns, values])) > most:
            columns, most = [*columns, values], count
    for column in list(columns):
        others = [each for each in columns if each is not column]
        if _count_different(others) == most:
            columns = others
    return [", ".join(texts) for texts in zip(*columns, strict=True)] or [""] * len(configs)


def _count_different(columns: Iterable[Sequence[str]]) -> int:
    """The number of different rows in these columns; 1 without any columns."""
    return len(set(zip(*columns, strict=True))) or 1


def _value(key: str, config: Mapping[str, Any]) -> str:
    """The value of an option in words, or else as ``--set`` takes it: true and false in small
    letters, plugins without landmark-zoo/. A recipe with the backbone's name is its own recipe."""
    value = config.get(key)
    if value is None:
        return f"no {key}"
    plain = value.removeprefix("landmark-zoo/") if isinstance(value, str) else value
    if key == "recipe" and plain == str(config.get("backbone")).removeprefix("landmark-zoo/"):
        return "its own recipe"
    if key in _WORDS:
        return _WORDS[key](plain)
    return f"{key} {str(plain).lower() if isinstance(plain, bool) else plain}"
