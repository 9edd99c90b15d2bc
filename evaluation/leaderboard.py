"""The leaderboard: which model is best, by how much, among results that can be compared.

Records are grouped by data set, release, protocol, region, fingerprint and split. Only rows of one
group were scored on the same frames of the same people, so no ranking ever crosses a group.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from zoo.api import DataError, Problem

from .metrics import METRICS
from .naming import unknown_name
from .pooling import Row, fold_of, pool, pool_floor
from .protocols import PROTOCOLS, SPLITS, find_protocol
from .records import Record, find_records
from .render import to_csv, to_frame, to_json, to_markdown

__all__ = [
    "Group",
    "Row",
    "build",
    "collect",
    "sort_keys",
    "to_csv",
    "to_frame",
    "to_json",
    "to_markdown",
]


@dataclass(frozen=True)
class Group:
    """Rows that can be compared, best first, above the floor they all should beat."""

    dataset: str
    release: str
    protocol: str
    """As records have it: ``person/1``."""
    region: str
    split: str
    fingerprint: str
    partial: bool
    """The data set held less than its release."""
    floor: dict[str, float | None]
    """What the training set's mean shape scores, by metric."""
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    """What a reader of the table must know, one sentence each."""

    @property
    def heading(self) -> str:
        partial = ", partial" if self.partial else ""
        known = PROTOCOLS.get(self.protocol.partition("/")[0])
        meaning = f" ({known.heading})" if known and known.label == self.protocol else ""
        return (
            f"{self.dataset} {self.release}{partial}, protocol {self.protocol}{meaning}, "
            f"region {self.region}, {self.split} split, fingerprint {self.fingerprint[:8]}"
        )

    @property
    def headline(self) -> str:
        """The metric that failure rates stand on: ``nme_box`` for schemes without eye corners."""
        return "nme_ioc" if any(r.nme_ioc is not None for r in self.rows) else "nme_box"


def sort_keys() -> list[str]:
    """The metrics that a board can be sorted by: those that its rows show."""
    return [f.name for f in fields(Row) if f.name in METRICS]


def build(
    records: Iterable[tuple[Path, Record]],
    split: str = "val",
    protocol: str | None = None,
    sort: str = "nme_ioc",
) -> list[Group]:
    """Groups of pooled rows, in the order of their names; empty where no record fits.

    ``protocol`` keeps one (``person``, or ``person/1``). A run that is found twice, at one place or
    as a copy with the same predictions, counts once. A configuration that lacks folds of its
    protocol is not ranked, and the group's notes say so. Where a group has no ``nme_ioc``, sorting
    by it sorts by ``nme_box``. Raises UsageError for an unknown split, protocol or metric.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    if sort not in sort_keys():
        raise unknown_name("metric to sort by", sort, sort_keys())
    wanted = find_protocol(protocol) if protocol else None
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in _distinct(records, split):
        data = record["data"]
        if wanted and not _is(data["protocol"], wanted.id, protocol or ""):
            continue
        key = tuple(data[k] for k in ("dataset", "release", "protocol", "region", "fingerprint"))
        groups.setdefault(key, []).append(record)
    return [_group(key, groups[key], split, sort) for key in sorted(groups)]


def collect(
    folders: Sequence[Path],
    split: str = "val",
    protocol: str | None = None,
    sort: str = "nme_ioc",
) -> tuple[list[Group], list[Problem]]:
    """The board of every record below ``folders``, and the files that could not be read.

    Raises DataError for a board without a single record, with what to do about it.
    """
    records, problems = find_records(folders)
    groups = build(records, split, protocol, sort)
    if groups:
        return groups, problems
    places = ", ".join(map(str, folders))
    if not records:
        first = f" ({problems[0]})" if problems else ""
        raise DataError(
            f"no run records under {places}{first}: "
            "train one, such as `zoo train custom_cnn --dataset synthetic`"
        )
    there = {f"{s} of {r['data']['protocol']}" for _, r in records for s in r["results"]}
    asked = f"{split} of {protocol}" if protocol else split
    advice = "; `zoo evaluate RUN --split test` scores a test split" if split == "test" else ""
    raise DataError(
        f"no results on {asked} in the {len(records)} records under {places}: "
        f"there are {', '.join(sorted(there)) or 'none at all'}{advice}"
    )


def _is(label: str, id: str, asked: str) -> bool:
    return label == asked if "/" in asked else label.partition("/")[0] == id


def _distinct(records: Iterable[tuple[Path, Record]], split: str) -> Iterable[Record]:
    """Each run's record once, of those that have results on ``split``."""
    paths: set[Path] = set()
    runs: set[tuple[str, str]] = set()
    for path, record in records:
        place = path.resolve()
        if split not in record["results"] or place in paths:
            continue
        paths.add(place)
        digest = record["results"][split].get("predictions")
        if digest is not None:
            if (record["run"], str(digest)) in runs:
                continue
            runs.add((record["run"], str(digest)))
        yield record


def _group(key: tuple[str, ...], records: list[Record], split: str, sort: str) -> Group:
    dataset, release, protocol, region, fingerprint = key
    configurations: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        name = (record["plugin"]["id"], record["config_hash"])
        configurations.setdefault(name, []).append(record)
    rows, notes = [], []
    for (backbone, config_hash), runs in sorted(configurations.items()):
        whole, lacking = _whole_seeds(runs, protocol)
        if whole:
            rows.append(pool(whole, split))
        if lacking:
            notes.append(f"{backbone} {config_hash[:6]}: {lacking}")
    group = Group(
        dataset=dataset,
        release=release,
        protocol=protocol,
        region=region,
        split=split,
        fingerprint=fingerprint,
        partial=any(record["data"]["partial"] for record in records),
        floor=pool_floor(records, split),
        rows=rows,
        notes=notes,
    )
    metric = group.headline if sort == "nme_ioc" else sort
    group.rows.sort(key=lambda row: _rank(row, metric))
    return group


def _whole_seeds(runs: list[Record], protocol: str) -> tuple[list[Record], str]:
    """The runs of seeds that have every fold, and what the others lack, in words."""
    known = PROTOCOLS.get(protocol.partition("/")[0])
    folds = set(range(known.folds)) if known else {0}
    if len(folds) == 1:
        return runs, ""
    whole: list[Record] = []
    lacking: list[str] = []
    for seed in sorted({r["seed"] for r in runs}, key=lambda s: (s is None, s or 0)):
        own = [r for r in runs if r["seed"] == seed]
        missing = sorted(folds - {fold_of(r) for r in own})
        if missing:
            which = ", ".join(map(str, missing))
            lacking.append(f"seed {seed} not ranked, it lacks fold {which}")
        else:
            whole += own
    return whole, "; ".join(lacking)


def _rank(row: Row, metric: str) -> tuple[float, str]:
    value = getattr(row, metric)
    if value is None:
        return math.inf, row.backbone
    return (value if METRICS[metric].lower_is_better else -value), row.backbone
