"""The leaderboard: which model is best, by how much, among results that can be compared.

Records are grouped by benchmark, fingerprint and split. Only rows of one group were scored on the
same frames of the same people, so each group has its own ranking.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from zoo.api import DataError, Problem
from zoo.api.errors import unknown_name

from ..records import Record, Source, find_records, without_collector
from ..records.benchmark import Benchmark, benchmark_of
from ..records.provenance import ExcludedRecord, examine
from ..records.unfinished import left_out
from ..records.views import on_subset, views
from ..scores.metric_names import METRICS
from ..scores.protocols import PROTOCOLS, SPLITS, find_protocol
from .baseline import note_unlearned, row_has_learned
from .groups import Group
from .labels import labels, named
from .metrics import GroupMetric, group_metrics, note_versions
from .pooling import pool, pool_baseline
from .row import Row
from .significance import Ties, find_front, find_ties

MOST_LEFT_OUT = 20
"""At most this many left-out files are named one by one: there can be as many copies as runs."""


def sort_keys() -> list[str]:
    """The metrics that a board can be sorted by: those of its rows."""
    return [f.name for f in fields(Row) if f.name in METRICS]


def build(
    records: Iterable[tuple[Path, Record]],
    split: str = "val",
    protocol: str | None = None,
    sort: str = "nme_ioc",
    subset: str = "",
) -> list[Group]:
    """Pool records into rows, and rows into groups that can be compared.

    A run that is found twice (the same file, or a copy with the same predictions) counts once. A
    record whose figures contradict each other or its predictions does not count, and the group's
    notes name it. A configuration that lacks folds of its protocol is not ranked, and the notes say
    so.

    Args:
        records: Records and the files that they were read from.
        split: ``val`` or ``test``.
        protocol: The one protocol to keep (``person``, or ``person/1``); None keeps all.
        sort: The metric that rows are sorted by. If it is ``nme_ioc`` and a group has none, the
            group is sorted by ``nme_box``.
        subset: The subset of frames to rank on, by an attribute such as ``blur``; empty for all.

    Returns:
        The groups, in the order of their names; empty if no record fits.

    Raises:
        UsageError: The split, the protocol or the metric is unknown.
    """
    return _build(records, split, protocol, sort, subset)[0]


def collect(
    folders: Sequence[Path],
    split: str = "val",
    protocol: str | None = None,
    sort: str = "nme_ioc",
    subset: str = "",
) -> tuple[list[Group], list[Problem]]:
    """The board of every record below some folders.

    Args:
        folders: Folders that are searched at any depth, and record files.
        split: As in :func:`build`, and so are ``protocol`` and ``sort``.
        protocol: The one protocol to keep; None keeps all.
        sort: The metric that rows are sorted by.
        subset: As in :func:`build`.

    Returns:
        The groups, and the files that do not count: unreadable files, copies, and records whose
        figures cannot be trusted.

    Raises:
        DataError: No record counts; the message says what to do.
        UsageError: The split, the protocol or the metric is unknown.
    """
    with without_collector():
        records, problems, without = find_records(folders)
        groups, findings = _build(records, split, protocol, sort, subset)
    unfinished = left_out(without)
    problems += unfinished
    problems += [Problem(str(found.source.path), found.reason) for found in findings]
    if groups:
        return groups, problems
    places = ", ".join(map(str, folders))
    if not records:
        if unfinished:
            raise DataError(str(unfinished[0]))
        first = f" ({problems[0]})" if problems else ""
        raise DataError(
            f"no run records under {places}{first}: "
            "train one, such as `zoo train custom_cnn --dataset synthetic`"
        )
    if findings:
        first = f"{findings[0].source.path}: {findings[0].reason}"
        raise DataError(f"no record under {places} that counts: {first}")
    if subset:
        results = [view.results for _, record in records for view in views(record)]
        names = {name for each in results if split in each for name in each[split].subsets}
        raise unknown_name(f"subset of the {split} split", subset, sorted(names))
    available = {f"{s} of {r.data.protocol}" for _, r in records for s in r.results}
    requested = f"{split} of {protocol}" if protocol else split
    advice = "; `zoo evaluate RUN --split test` scores a test split" if split == "test" else ""
    raise DataError(
        f"no results on {requested} in the {len(records)} records under {places}: "
        f"there are {', '.join(sorted(available)) or 'none at all'}{advice}"
    )


def _matches(label: str, id: str, requested: str) -> bool:
    return label == requested if "/" in requested else label.partition("/")[0] == id


def left_out_in_words(problems: Sequence[Problem]) -> list[str]:
    """A line for each file that a board leaves out; one line counts those after MOST_LEFT_OUT."""
    lines = [f"left out: {problem}" for problem in problems[:MOST_LEFT_OUT]]
    more = len(problems) - MOST_LEFT_OUT
    return [*lines, f"left out: {more} more"] if more > 0 else lines


def _build(
    records: Iterable[tuple[Path, Record]],
    split: str,
    protocol: str | None,
    sort: str,
    subset: str,
) -> tuple[list[Group], list[ExcludedRecord]]:
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    chosen_protocol = find_protocol(protocol) if protocol else None
    chosen = [
        (path, on_subset(view, subset) if subset else view)
        for path, record in _without_repeats(records)
        for view in views(record)
        if not chosen_protocol or _matches(view.data.protocol, chosen_protocol.id, protocol or "")
    ]
    sources, findings = examine(chosen, split)
    _require_known(sort, sources, split)
    groups: dict[tuple[Benchmark, str], list[Source]] = {}
    for source in sources:
        key = (benchmark_of(source.record, split), source.record.data.fingerprint)
        groups.setdefault(key, []).append(source)
    built = [
        replace(_group(*key, groups[key], split, sort), subset=subset) for key in sorted(groups)
    ]
    _note_findings(built, findings, split)
    _note_fingerprints(built)
    return built, findings


def _require_known(sort: str, sources: Sequence[Source], split: str) -> None:
    plugin_metrics = group_metrics(sources, split)
    if sort not in sort_keys() and not any(each.answers_to(sort) for each in plugin_metrics):
        known = [*sort_keys(), *(each.key for each in plugin_metrics)]
        raise unknown_name("metric to sort by", sort, known)


def _without_repeats(records: Iterable[tuple[Path, Record]]) -> Iterable[tuple[Path, Record]]:
    seen: set[Path] = set()
    for path, record in records:
        if path not in seen:
            seen.add(path)
            yield path, record


def _group(
    benchmark: Benchmark, fingerprint: str, sources: list[Source], split: str, sort: str
) -> Group:
    configurations: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        name = (source.record.plugin.id, source.record.config_hash)
        configurations.setdefault(name, []).append(source)
    rows, notes = [], []
    for (backbone, config_hash), runs in sorted(configurations.items()):
        complete, reason = _complete_seeds(runs, benchmark.protocol)
        if complete:
            rows.append(pool(complete, split))
        if reason:
            notes.append(f"{backbone} {config_hash[:6]}: {reason}")
    baseline, headline = pool_baseline(sources, split), benchmark.headline
    plugin_metrics = group_metrics(sources, split)
    baseline |= {each.key: each.baseline for each in plugin_metrics}
    learned = {id(row): row_has_learned(row, split, baseline, headline) for row in rows}
    contenders = [row for row in rows if learned[id(row)] is not False]
    rows = [*contenders, *(row for row in rows if learned[id(row)] is False)]
    ties = find_ties(contenders, split, headline)
    front = find_front(contenders, headline)
    unmarked = [False] * (len(rows) - len(contenders))
    marks = zip(rows, ties.tied + unmarked, front + unmarked, labels(rows), strict=True)
    rows = [
        replace(row, learned=learned[id(row)], tied=tied, pareto=pareto, detail=detail)
        for row, tied, pareto, detail in marks
    ]
    fewer = [rows[i] for i in ties.fewer_failures]  # contenders come first, in their order
    metric = headline if sort == "nme_ioc" else sort
    rows.sort(key=lambda row: _rank(row, metric, plugin_metrics))
    return Group(
        benchmark=benchmark,
        split=split,
        fingerprint=fingerprint,
        partial=any(source.record.data.partial for source in sources),
        baseline=baseline,
        rows=rows,
        metrics=plugin_metrics,
        notes=[
            *_note_marks(rows, ties, fewer),
            *note_unlearned(rows, split, baseline, headline),
            *note_versions(plugin_metrics),
            *notes,
        ],
    )


def _note_marks(rows: list[Row], ties: Ties, fewer: Sequence[Row]) -> list[str]:
    """Notes on the marks that the rows have; ``fewer`` are the rows that fail less often than the
    best."""
    if len(rows) < 2:
        return []
    how = f"paired bootstrap over {ties.clusters}" if ties.clusters else "by their own intervals"
    if ties.clusters and ties.unpaired:
        how += f", {ties.unpaired} of them by their own intervals"
    notes = []
    evidence = (
        "neither mean error nor failures tell" if ties.clusters else "its error does not tell"
    )
    if sum(ties.tied) > 1:
        notes.append(f"tied (=): {evidence} it from the best row at 95% ({how})")
    elif len(ties.tied) > 1:
        notes.append(f"best (=): no other row is tied with it at 95% ({how})")
    elif any(ties.tied):
        notes.append("best (=): the only row that has learned")
    for row in fewer:
        notes.append(
            f"{named(row)} fails less often than the best row, and their errors do not differ "
            "significantly"
        )
    if any(row.pareto for row in rows):
        notes.append("pareto (*): no other row is as good in error and GMACs and better in one")
    if ties.other_frames:
        notes.append(f"{ties.other_frames} rows were scored on other frames than the best")
    if any(row.coverage is not None and row.coverage < 1 for row in rows):
        notes.append(
            "a row whose coverage is below 100% has errors over the faces that it found; those "
            "that it missed count as failures"
        )
    devices = {row.bench_device for row in rows} - {None}
    if len(devices) > 1:
        notes.append(
            f"latency and throughput are of {len(devices)} devices: compare those of one alone"
        )
    return notes


def _note_findings(groups: Sequence[Group], findings: Iterable[ExcludedRecord], split: str) -> None:
    """Add a note on each record that cannot be trusted to the group that it would be in."""
    for found in findings:
        record = found.source.record
        key = (benchmark_of(record, split), record.data.fingerprint)
        for group in groups:
            if not found.copy and (group.benchmark, group.fingerprint) == key:
                group.notes.append(f"run {record.run} is left out: {found.reason}")


def _note_fingerprints(groups: Sequence[Group]) -> None:
    """Add a note to groups of one benchmark on different data, which cannot share a table."""
    for group in groups:
        others = [g.fingerprint[:8] for g in groups if g is not group and _same_but_data(g, group)]
        if others:
            group.notes.append(
                f"the same benchmark has a table of other data (fingerprint {', '.join(others)}): "
                "its rows cannot be compared with these"
            )


def _same_but_data(one: Group, other: Group) -> bool:
    return one.benchmark == other.benchmark and one.split == other.split


def _complete_seeds(runs: list[Source], protocol: str) -> tuple[list[Source], str]:
    """The runs of seeds with all folds, and a text on the folds that the other seeds lack."""
    known = PROTOCOLS.get(protocol.partition("/")[0])
    folds = set(range(known.folds)) if known else {0}
    if len(folds) == 1:
        return runs, ""
    complete: list[Source] = []
    reasons: list[str] = []
    for seed in sorted({r.record.seed for r in runs}, key=lambda s: (s is None, s or 0)):
        seed_runs = [r for r in runs if r.record.seed == seed]
        missing = sorted(folds - {r.record.fold for r in seed_runs})
        if missing:
            which = ", ".join(map(str, missing))
            reasons.append(f"seed {seed} not ranked, it lacks fold {which}")
        else:
            complete += seed_runs
    return complete, "; ".join(reasons)


def _rank(row: Row, metric: str, plugin_metrics: Sequence[GroupMetric]) -> tuple[bool, float, str]:
    """The sort key of a row.

    Rows that have not learned come last, whatever the metric: readers take the first row for the
    best.
    """
    if metric in METRICS:
        value, lower = getattr(row, metric), METRICS[metric].lower_is_better
    else:  # a plugin's metric; a group may have no record with it
        found = next((each for each in plugin_metrics if each.answers_to(metric)), None)
        value = row.metrics.get(found.key) if found else None
        lower = found.lower_is_better if found else True
    if value is None:
        value = math.inf
    elif not lower:
        value = -value
    return row.learned is False, value, row.backbone
