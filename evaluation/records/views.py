"""Records as a board reads them: one for the run's own data set, one for each other data set on
which it was scored, and each of these for a subset of its frames."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from .schema import Record, Results


def views(record: Record) -> Iterator[Record]:
    """The record itself, and one record for each data set of ``elsewhere``."""
    yield record
    own = record.data
    for name, other in record.elsewhere.items():
        scheme = f", scored on {other.data.scheme}" if other.data.scheme else ""
        view = _changed(record, other.results)
        view.data = other.data
        view.__dict__["trained_on"] = f"{own.dataset}/{own.release}{scheme}"
        view.__dict__["stem"] = f"{name}-"
        yield view


def on_subset(record: Record, name: str) -> Record:
    """The record for the frames of one subset, with only the splits that have it.

    ``predictions`` is still the digest of the whole split's file.
    """
    results = {}
    for split, whole in record.results.items():
        if name in whole.subsets:
            results[split] = replace(whole.subsets[name], predictions=whole.predictions)
    return _changed(record, results)


def _changed(record: Record, results: dict[str, Results]) -> Record:
    view = replace(record, results=results)
    view.__dict__.update(record.__dict__)
    return view
