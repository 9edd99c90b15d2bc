"""What tells a row from the other rows of its backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..board.pooling import Row
from .cards import Facts
from .columns import LONGEST_NAME, words

FIRST = ("recipe", "pretrained", "input_size", "head", "loss", "epochs")
"""Keys that readers know a row by; the others follow as the configuration has them."""


def labels(rows: Sequence[Row], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Such as ``recipe=strong input_size=112``; empty for the only row of its backbone.

    As few keys of the configuration as tell the rows apart; where none does, the hash of the
    configuration.
    """
    by_backbone: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_backbone.setdefault(row.backbone, []).append(i)
    found = [""] * len(rows)
    for same in by_backbone.values():
        texts = _apart([configs[i] for i in same])
        for i, text in zip(same, texts, strict=True):
            if texts.count(text) > 1:
                text = f"{text} {rows[i].sources[0].record.config_hash[:6]}"
            found[i] = words(text, LONGEST_NAME)
    return found


def _apart(configs: Sequence[Facts | Mapping[str, Any]]) -> list[str]:
    """A text a configuration: keys are added while that makes more of the texts differ."""
    texts = [""] * len(configs)
    for key in dict.fromkeys((*FIRST, *(key for config in configs for key in config))):
        different = len(set(texts))
        if different == len(texts):
            break
        values = [_plain(config.get(key)) for config in configs]
        longer = [f"{text} {key}={value}" for text, value in zip(texts, values, strict=True)]
        if len(set(longer)) > different:
            texts = longer
    return [text.strip() for text in texts]


def _plain(value: Any) -> str:
    """As ``--set`` takes it: true and false in small letters, plugins without landmark-zoo/."""
    if value is None or isinstance(value, bool):
        return str(bool(value)).lower() if value is not None else "none"
    return str(value).removeprefix("landmark-zoo/")
