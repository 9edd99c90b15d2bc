"""A group of the board as compact JSON: a column an array, and the details of rows apart.

Details are what a row needs once it is drawn or its card is opened. The page puts them into blocks
of their own, which a browser parses when they are asked for: thousands of rows open at once.
Everything that a record says went through ``words``: one line, no control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..board.groups import Group
from ..board.pooling import Row
from ..records import Record
from ..records.schema import ErrorCurve
from ..scores.metric_names import METRICS
from .cards import Command, card, difference, in_common, sections
from .columns import LONGEST_NAME, Column, columns_of, rounded, usual, words
from .figures import Bin, error_curve, learning_curves, pose_errors, region_errors

MARKS = ("tied", "pareto", "external")
"""Fields of a row that the table shows as signs beside its name."""

Json = dict[str, Any]


def group_payload(group: Group, command: Command | None) -> tuple[Json, list[Json]]:
    """What tables and charts of a group need, and by row what is needed later."""
    records = [[source.record for source in row.sources] for row in group.rows]
    curves = [error_curve(each, group.split) for each in records]
    regions = [region_errors(each, group.split) for each in records]
    poses = [pose_errors(each, group.split) for each in records]
    facts = [sections(each) for each in records]

    step = next((curve.step for curve in curves if curve), None)
    names = list(dict.fromkeys(name for each in regions for name in each))
    bins = list(dict.fromkeys(key for each in poses for key in each))
    common = in_common(facts)
    details = [
        {
            "ced": _per_mille(curves[i], step),
            "regions": [rounded(regions[i].get(name)) for name in names],
            "pose": [rounded(poses[i][key][0]) if key in poses[i] else None for key in bins],
            "learning": learning_curves(each),
            "own": difference(facts[i], common),
            **card(each, group.split, command),
        }
        for i, each in enumerate(records)
    ]
    head = {
        **_about(group, records),
        **_table(group, columns_of(group)),
        "detail": labels(group.rows, [each["config"] for each in facts]),
        "step": step,
        "regions": [words(name, LONGEST_NAME) for name in names],
        "pose": [_bin(key, poses) for key in bins],
        "common": common,
    }
    return head, details


def _about(group: Group, records: Sequence[Sequence[Record]]) -> Json:
    results = [record.results[group.split] for each in records for record in each]
    named = ("dataset", "release", "protocol", "region", "split", "fingerprint")
    return {
        **{word: words(getattr(group, word), LONGEST_NAME) for word in named},
        "meaning": group.benchmark.meaning,
        "benchmark": words(group.benchmark.label),
        "partial": group.partial,
        "headline": group.headline,
        "notes": [words(note) for note in group.notes],
        "baseline": {
            key: rounded(value)
            for key, value in group.baseline.items()
            if key in (*METRICS, f"{group.headline}_low", f"{group.headline}_high")
        },
        "frames": _agreed(r.n for r in results),
        "people": _agreed(r.people for r in results),
    }


def _table(group: Group, columns: Sequence[Column]) -> Json:
    return {
        "columns": [
            {
                "key": column.key,
                "title": column.title,
                "help": column.help,
                "kind": column.kind,
                "lower": column.lower_is_better,
                "usual": usual(column, group),
            }
            for column in columns
        ],
        "rows": {
            **{column.key: [column.cell(row) for row in group.rows] for column in columns},
            "name": [words(row.backbone, LONGEST_NAME) for row in group.rows],
            "low": [rounded(row.nme_ioc_low) for row in group.rows],
            "high": [rounded(row.nme_ioc_high) for row in group.rows],
            **{mark: [int(bool(getattr(row, mark))) for row in group.rows] for mark in MARKS},
            "unlearned": [int(row.learned is False) for row in group.rows],
        },
    }


def _per_mille(curve: ErrorCurve | None, step: float | None) -> list[int] | None:
    """None too for a curve of another step than the group's: it cannot share its axis."""
    if curve is None or curve.step != step:
        return None
    return [round(1000 * value) for value in curve.values]


def _bin(key: Bin, poses: Iterable[dict[Bin, tuple[float, float]]]) -> Json:
    name, low, high = key
    faces = next(pose[key][1] for pose in poses if key in pose)
    return {"name": words(name, LONGEST_NAME), "low": low, "high": high, "n": round(faces)}


def _agreed(values: Iterable[Any]) -> int | None:
    """The one count that all runs give; None where they differ, as folds do."""
    different = set(map(str, values))
    only = different.pop() if len(different) == 1 else ""
    return int(only) if only.isdecimal() else None


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


def _apart(configs: Sequence[Mapping[str, Any]]) -> list[str]:
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
