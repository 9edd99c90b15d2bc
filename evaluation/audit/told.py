"""What a data set tells of its frames beside points: which are hidden, and what frames are like."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.evaluation.scores.subsets import MOST_VALUES

from .subject import Labelled


def hidden_facts(data: Labelled) -> dict[str, Any] | None:
    """Frames that say which points are hidden, those with a hidden one, and the share of their
    labelled points that are; None where no frame says it."""
    told = np.isfinite(data.occluded) & data.visible
    if not told.any():
        return None
    hidden = told & (data.occluded == 1)
    return {
        "frames": int(told.any(1).sum()),
        "with_hidden": int(hidden.any(1).sum()),
        "share": float(hidden.sum() / told.sum()),
    }


def attribute_facts(data: Labelled, anonymous: bool) -> dict[str, dict[str, Any]]:
    """By attribute: how many ``frames`` have it; of how many it is ``true``, how many have each of
    the ``values`` of a text (or how many ``different`` ones there are, where they are many or may
    not be told), and the ``low`` and ``high`` end of a number."""
    columns: dict[str, list[bool | str | float]] = {}
    for attributes in data.attributes:
        for name, value in attributes.items():
            columns.setdefault(name, []).append(value)
    return {name: _column(values, anonymous) for name, values in sorted(columns.items())}


def _column(values: list[bool | str | float], anonymous: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"frames": len(values)}
    flags = [value for value in values if isinstance(value, bool)]
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if not isinstance(value, bool | str)]
    if flags:
        facts["true"] = sum(flags)
    if texts:
        different = sorted(set(texts))
        if anonymous or len(different) > MOST_VALUES:
            facts["different"] = len(different)
        else:
            facts["values"] = {text: texts.count(text) for text in different}
    if numbers:
        facts |= {"low": min(numbers), "high": max(numbers)}
    return facts
