"""What a data set says about its frames besides points: hidden points, and attributes of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.evaluation.scores.subsets import MOST_VALUES

from .subject import Labelled


def hidden_facts(data: Labelled) -> dict[str, Any] | None:
    """Statistics of hidden points; None if no frame says which points are hidden.

    ``frames`` say which points are hidden, ``with_hidden`` of these have a hidden point, and
    ``share`` of their labelled points are hidden.
    """
    known = np.isfinite(data.occluded) & data.visible
    if not known.any():
        return None
    hidden = known & (data.occluded == 1)
    return {
        "frames": int(known.any(1).sum()),
        "with_hidden": int(hidden.any(1).sum()),
        "share": float(hidden.sum() / known.sum()),
    }


def attribute_facts(data: Labelled, anonymous: bool) -> dict[str, dict[str, Any]]:
    """Statistics of each attribute.

    ``frames`` have the attribute. Of a truth value: in how many frames it is ``true``. Of a text:
    how many frames have each of its ``values``, or only how many ``different`` values there are, if
    they are many or ``anonymous`` forbids them. Of a number: its ``low`` and ``high`` end.
    """
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
