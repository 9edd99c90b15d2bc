"""What tells rows of one backbone apart, in words: ``heatmap, 96 px, 10 epochs``.

Two rows of a board are never alike: as few keys of their configurations as tell them apart stand
beside the backbone's name, the ones that readers know a row by first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..records import NOT_THE_CONFIGURATION, Record
from .row import Row

LONGEST = 300
"""Characters of a value on a card: longer ones are no facts of a run."""

LONGEST_NAME = 120
"""Characters of a name or a word in a table."""

NUMBERS = (int, float)
FIRST = ("recipe", "head", "input_size", "epochs", "pretrained", "loss")
"""Keys that readers know a row by; the others follow as the configuration has them."""

_WORDS: Mapping[str, Callable[[Any], str]] = {
    "recipe": str,
    "head": str,
    "input_size": lambda side: f"{side} px",
    "epochs": lambda count: f"{count} epoch{'' if count == 1 else 's'}",
    "pretrained": lambda pretrained: "pretrained" if pretrained else "from random weights",
    "loss": lambda loss: f"loss {loss}",
}


def printable(text: str) -> str:
    """One line without control characters: a stranger's text must not steer a terminal."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "?" for c in line)


@lru_cache(maxsize=1 << 16)
def words(text: str, longest: int = LONGEST) -> str:
    """``printable`` text of bounded length; records of one board repeat one another a lot."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def labels(rows: Sequence[Row]) -> list[str]:
    """Such as ``strong, 112 px``; empty for the only row of its backbone.

    As few keys of the configuration as tell the rows apart; where none does, the hash of the
    configuration. And for a row that started from another run, the name of that run.
    """
    by_backbone: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_backbone.setdefault(row.backbone, []).append(i)
    found = [""] * len(rows)
    for same in by_backbone.values():
        if len(same) == 1:
            continue
        records = [rows[i].sources[0].record for i in same]
        told = _apart([flat(configuration(record)) for record in records])
        texts = [words(text, LONGEST_NAME) for text in told]
        for i, text, record in zip(same, texts, records, strict=True):
            unclear = texts.count(text) > 1
            found[i] = f"{text} {words(record.config_hash)[:6]}".strip() if unclear else text
    return [
        ", ".join(filter(None, (text, _start(row.sources[0].record))))
        for text, row in zip(found, rows, strict=True)
    ]


def _start(record: Record) -> str:
    """The run whose training a row goes on with, which cost time that the row does not count."""
    kind, _, rest = (record.model.weights or "").partition(": ")
    return f"from {words(rest.partition(' sha256: ')[0], LONGEST_NAME)}" if kind == "run" else ""


def named(row: Row) -> str:
    """The backbone, with what tells the row apart in brackets."""
    return f"{row.backbone} ({row.detail})" if row.detail else row.backbone


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, str | int | float | bool]:
    """Nested tables as one of dotted keys, without what is empty; all text is short and plain."""
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
    """What a record's run was configured by, without where and with which seed it ran."""
    return {k: v for k, v in record.facts.config.items() if k not in NOT_THE_CONFIGURATION}


def _apart(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A text a configuration: keys are added while that makes more of the texts differ, and those
    that later ones made needless are taken out again."""
    columns: list[list[str]] = []
    most = 1
    for key in dict.fromkeys((*FIRST, *(key for config in configs for key in config))):
        if most == len(configs):
            break
        values = [_value(key, config) for config in configs]
        if (now := _different([*columns, values])) > most:
            columns, most = [*columns, values], now
    for column in list(columns):
        others = [each for each in columns if each is not column]
        if _different(others) == most:
            columns = others
    return [", ".join(texts) for texts in zip(*columns, strict=True)] or [""] * len(configs)


def _different(columns: Iterable[Sequence[str]]) -> int:
    """How many rows of these columns differ; no columns at all are one row."""
    return len(set(zip(*columns, strict=True))) or 1


def _value(key: str, config: Mapping[str, Any]) -> str:
    """As ``--set`` takes it where no words are known: true and false in small letters, plugins
    without landmark-zoo/. A recipe of the backbone's name is its own."""
    value = config.get(key)
    if value is None:
        return f"no {key}"
    plain = value.removeprefix("landmark-zoo/") if isinstance(value, str) else value
    if key == "recipe" and plain == str(config.get("backbone")).removeprefix("landmark-zoo/"):
        return "its own recipe"
    if key in _WORDS:
        return _WORDS[key](plain)
    return f"{key} {str(plain).lower() if isinstance(plain, bool) else plain}"
