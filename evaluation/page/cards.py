"""The model card of a row: its configuration, environment, data and licences, from its records.

Most rows of a board have most of these values in common. A card therefore holds only the values
that differ from those of most rows in its group, which a reader wants to see first anyway.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from ..board.labels import LONGEST_NAME, configuration, flat, words
from ..records import Record
from .figures import subset_errors

Fact = str | int | float | bool
Facts = dict[str, Fact]
Command = Callable[[Record], str]
"""Gives the command that trains a record's run again; empty if it is unknown."""

SECTIONS = ("config", "model", "data", "environment", "bench")
RUN = (
    *("run", "seed", "fold", "best_epoch", "epochs", "train_seconds", "predictions"),
    *("nme_ioc", "nme_pupil", "nme_box", "nme_diag", "loss", "fr_08", "fr_10", "auc_08", "auc_10"),
    *("nme_seen", "nme_hidden", "hidden_ap", "hidden_f1"),
    *("n", "people", "coverage", "floored", "unlabelled", "unmeasured"),
)
"""The values of each run on a card, in this order."""


def sections(records: Sequence[Record]) -> dict[str, Facts]:
    """Dotted keys and values by section. If the runs of a row differ in a value, all values."""
    return {
        "config": _merged(configuration(r) for r in records),
        "model": _merged(r.facts.model for r in records),
        "data": _merged(
            {k: v for k, v in r.facts.data.items() if k not in ("fold", "fingerprint")}
            for r in records
        ),
        "environment": _merged(r.facts.environment for r in records),
        "bench": _merged(_dict(r.facts.cost.get("bench")) for r in records),
    }


def card(records: Sequence[Record], split: str, command: Command | None) -> dict[str, Any]:
    """The parts of a card that are not shared: plugins, runs, subsets, and the command."""
    first = records[0]
    return {
        "plugins": plugins(first),
        "hash": words(first.config_hash),
        "runs": [_run(record, split) for record in records],
        "subsets": [
            [words(name, LONGEST_NAME), n, _number(nme)]
            for name, n, nme in subset_errors(records, split)
        ],
        "command": (command(first) if command else "")[:4000],
    }


def plugins(record: Record) -> list[str]:
    """Each plugin of the run, with its distribution and version; the backbone is first."""
    return [
        words(_with_source(kind.partition(":")[0], plugin.id, plugin.distribution, plugin.version))
        for kind, plugin in record.used.items()
    ]


def _with_source(kind: str, id: str, *source: str | None) -> str:
    known = " ".join(part for part in source if part)
    return f"{kind} {id} ({known})" if known else f"{kind} {id}"


def _run(record: Record, split: str) -> list[Any]:
    results = record.results[split]
    return [
        words(record.run),
        record.seed,
        record.data.fold,
        record.best_epoch,
        record.epochs,
        _number(record.cost.train_seconds),
        words(results.predictions or "")[:12],
        *(_number(results.figure(key)) for key in RUN[7:]),
    ]


def in_common(rows: Iterable[Mapping[str, Facts]]) -> dict[str, Facts]:
    """The most frequent value in a group, by section and key."""
    counts: dict[str, dict[str, Counter[tuple[type, Fact]]]] = {
        name: defaultdict(Counter) for name in SECTIONS
    }
    for row in rows:
        for name, counters in counts.items():
            for key, value in row[name].items():
                # with its type, since True and 1 are the same key of a dict
                counters[key][type(value), value] += 1
    return {
        name: {key: counter.most_common(1)[0][0][1] for key, counter in counters.items()}
        for name, counters in counts.items()
    }


def difference(row: Mapping[str, Facts], common: Mapping[str, Facts]) -> dict[str, dict[str, Any]]:
    """A row's sections without the values of ``common``; None for a key that the row lacks."""
    return {
        name: {k: v for k, v in row[name].items() if common[name].get(k) != v}
        | dict.fromkeys(k for k in common[name] if k not in row[name])
        for name in SECTIONS
    }


def _merged(parts: Iterable[Mapping[str, Any]]) -> Facts:
    known = [flat(part) for part, _ in groupby(parts)]  # mostly one: seeds have equal parts
    if len(known) == 1:
        return known[0]
    merged: Facts = {}
    for key in dict.fromkeys(key for facts in known for key in facts):
        values = list(dict.fromkeys(facts[key] for facts in known if key in facts))
        merged[key] = values[0] if len(values) == 1 else words(" / ".join(map(str, values)))
    return merged


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value, 6)
