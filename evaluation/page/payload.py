"""A group of the board as compact JSON: an array for each column, and separate details of rows.

Details of a row are needed when it is drawn or its card is opened. The page puts them into separate
blocks, which a browser parses only when needed, so that a page of thousands of rows opens quickly.
All texts of records pass through ``words``: one line, no control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..board.columns import Column
from ..board.groups import Group
from ..board.labels import LONGEST_NAME, words
from ..records import Record
from ..records.schema import ErrorCurve
from ..scores.metric_names import METRICS
from .cards import Command, card, difference, in_common, sections
from .columns import cell, columns_of, rounded, usual
from .figures import Bin, error_curve, learning_curves, pose_errors, region_errors

MARKS = ("tied", "pareto", "external")
"""Fields of a row that the table shows as badges beside its name."""

Json = dict[str, Any]


def group_payload(group: Group, command: Command | None) -> tuple[Json, list[Json]]:
    """The data of a group's tables and charts, and the details of each row."""
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
        **_description(group, records),
        **_table(group, columns_of(group)),
        "detail": [words(row.detail, LONGEST_NAME) for row in group.rows],
        "step": step,
        "regions": [words(name, LONGEST_NAME) for name in names],
        "pose": [_bin(key, poses) for key in bins],
        "common": common,
    }
    return head, details


def _description(group: Group, records: Sequence[Sequence[Record]]) -> Json:
    results = [record.results[group.split] for each in records for record in each]
    named = ("dataset", "release", "protocol", "region", "split", "fingerprint")
    return {
        **{word: words(getattr(group, word), LONGEST_NAME) for word in named},
        "title": words(group.title),
        "meaning": group.benchmark.meaning,
        "benchmark": words(group.benchmark.label),
        "partial": group.partial,
        "headline": group.headline,
        "notes": [words(note) for note in group.notes],
        "baseline": {
            key: rounded(value)
            for key, value in group.baseline.items()
            if key in (*METRICS, f"{group.headline}_low", f"{group.headline}_high")
        }
        | {each.key: rounded(each.baseline) for each in group.metrics},
        "frames": _common_count(r.n for r in results),
        "people": _common_count(r.people for r in results),
    }


def _table(group: Group, columns: Sequence[Column]) -> Json:
    cells = {column.key: [cell(column, row) for row in group.rows] for column in columns}
    shown = usual(columns, cells)
    return {
        "columns": [
            {
                "key": column.key,
                "title": column.title,
                "help": column.help,
                "kind": column.kind,
                "lower": column.lower_is_better,
                "usual": column.key in shown,
            }
            for column in columns
        ],
        "rows": {
            **cells,
            "name": [words(row.backbone, LONGEST_NAME) for row in group.rows],
            "low": [rounded(row.nme_ioc_low) for row in group.rows],
            "high": [rounded(row.nme_ioc_high) for row in group.rows],
            **{mark: [int(bool(getattr(row, mark))) for row in group.rows] for mark in MARKS},
            "unlearned": [int(row.learned is False) for row in group.rows],
        },
    }


def _per_mille(curve: ErrorCurve | None, step: float | None) -> list[int] | None:
    """The curve's values per mille. None also for a curve with another step than the group's."""
    if curve is None or curve.step != step:
        return None
    return [round(1000 * value) for value in curve.values]


def _bin(key: Bin, poses: Iterable[dict[Bin, tuple[float, float]]]) -> Json:
    name, low, high = key
    faces = next(pose[key][1] for pose in poses if key in pose)
    return {"name": words(name, LONGEST_NAME), "low": low, "high": high, "n": round(faces)}


def _common_count(values: Iterable[Any]) -> int | None:
    """The count that all runs have; None if they differ, as folds do."""
    different = set(map(str, values))
    only = different.pop() if len(different) == 1 else ""
    return int(only) if only.isdecimal() else None
