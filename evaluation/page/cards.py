"""The model card of a row: what its records say of configuration, environment, data and licences.

Rows of a board have most of this in common. A card therefore holds what differs from the value
that most rows of its group have, which is also what a reader wants to see first.
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
"""What to type to train a record's run again; empty where that cannot be said."""

SECTIONS = ("config", "model", "data", "environment", "bench")
RUN = (
    *("run", "seed", "fold", "best_epoch", "epochs", "train_seconds", "predictions"),
    *("nme_ioc", "nme_pupil", "nme_box", "nme_diag", "loss", "fr_08", "fr_10", "auc_08", "auc_10"),
    *("nme_seen", "nme_hidden", "hidden_ap", "hidden_f1"),
    *("n", "people", "coverage", "floored", "unlabelled", "unmeasured"),
)
"""What a card says of each run, in this order."""


def sections(records: Sequence[Record]) -> dict[str, Facts]:
    """Dotted keys and their values by section; where runs of a row differ, all their values."""
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
    """What is a row's own: plugins, licences, runs, further metrics, the command."""
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
    """Each plugin that the run used with its distribution and version, the backbone first."""
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
    """The value that most rows of a group have, by section and key."""
    counts: dict[str, dict[str, Counter[tuple[type, Fact]]]] = {
        name: defaultdict(Counter) for name in SECTIONS
    }
    for row in rows:
        for name, seen in counts.items():
            for key, value in row[name].items():
                # with its type: True and 1 are one key to a dict
                seen[key][type(value), value] += 1
    return {
        name: {key: seen.most_common(1)[0][0][1] for key, seen in keys.items()}
        for name, keys in counts.items()
    }


def difference(row: Mapping[str, Facts], common: Mapping[str, Facts]) -> dict[str, dict[str, Any]]:
    """A row's sections without what is as in ``common``; None where the row lacks a key."""
    return {
        name: {k: v for k, v in row[name].items() if common[name].get(k) != v}
        | dict.fromkeys(k for k in common[name] if k not in row[name])
        for name in SECTIONS
    }


def _merged(parts: Iterable[Mapping[str, Any]]) -> Facts:
    known = [flat(part) for part, _ in groupby(parts)]  # seeds of one configuration are alike
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
