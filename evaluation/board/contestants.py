"""The two sides of a comparison: which runs a name means, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.api import DataError, UsageError
from zoo.files.folders import matching
from zoo.registry import bare_id

from ..records import Record, Source, find_records, load_record
from ..records.benchmark import Benchmark, benchmark_of
from ..records.provenance import examine
from ..records.unfinished import unfinished

NAMED = 4
"""A message names at most this many configurations."""


@dataclass(frozen=True)
class Contestant:
    """One configuration: a single run, or its runs with several seeds and folds."""

    given: str
    """The name that the user gave."""
    sources: tuple[Source, ...]
    benchmark: Benchmark
    fingerprint: str

    @property
    def name(self) -> str:
        """The name of the run; for several runs, the name of the model."""
        first = self.sources[0].record
        if len(self.sources) == 1:
            return first.run
        seeds = ", ".join(map(str, self.seeds)) or "none"
        word = "seed" if len(self.seeds) == 1 else "seeds"
        folds = f", {len(self.folds)} folds" if len(self.folds) > 1 else ""
        return f"{first.plugin.id} {first.config_hash[:6]} ({word} {seeds}{folds})"

    @property
    def model(self) -> tuple[str, str]:
        """Backbone and hash of the configuration; the same for all seeds."""
        record = self.sources[0].record
        return record.plugin.id, record.config_hash

    @property
    def seeds(self) -> list[int]:
        return sorted({s.record.seed for s in self.sources if s.record.seed is not None})

    @property
    def folds(self) -> list[int]:
        return sorted({s.record.fold for s in self.sources})


def find_contestant(given: str, split: str) -> Contestant:
    """The contestant of a run folder, a record file, a folder of runs, or a pattern such as
    ``'runs/mine-s*'``.

    Raises UsageError for a name without runs and for runs of several configurations. Raises
    DataError for a record without the split, and for one whose figures contradict its predictions
    or each other.
    """
    found = [(path, load_record(path)) for path in _record_files(given)]
    splits = sorted({split for _, record in found for split in record.results})
    lacking = [path for path, record in found if split not in record.results]
    if lacking:
        raise DataError(
            f"{given}: {lacking[0]} has no results on the {split} split, only on "
            f"{' and '.join(splits) or 'none'}; `zoo evaluate RUN --split {split}` scores it"
        )
    sources, findings = examine(found, split)
    for finding in findings:
        if not finding.copy:
            raise DataError(f"{finding.source.path}: cannot be trusted: {finding.reason}")
    names = sorted({_configuration(s.record) for s in sources})
    if len(names) > 1:
        more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise UsageError(
            f"{given}: holds runs of {len(names)} configurations ({'; '.join(names[:NAMED])}{more})"
            "; name one run, or the runs of one that differ in their seed alone"
        )
    benchmarks = {(benchmark_of(s.record, split), s.record.data.fingerprint) for s in sources}
    if len(benchmarks) > 1:
        raise DataError(f"{given}: its runs were scored on different data or protocols")
    [(benchmark, fingerprint)] = benchmarks
    return Contestant(given, tuple(sources), benchmark, fingerprint)


def _configuration(record: Record) -> str:
    """Such as ``vgg19 e61dff, heatmap, quick, 64 px``. The run's name has the same hex digits."""
    size = record.config.input_size
    options = [record.config.head, record.config.recipe, f"{size} px" if size else None]
    name = f"{record.plugin.id} {record.config_hash[:6]}"
    return ", ".join([name, *(bare_id(option) for option in options if option)])


def check_comparable(a: Contestant, b: Contestant) -> None:
    """Raises DataError, with the first difference, if the two must not be compared."""
    pairs = (
        ("data set", a.benchmark.dataset, b.benchmark.dataset),
        ("release of the data", a.benchmark.release, b.benchmark.release),
        ("protocol", a.benchmark.protocol, b.benchmark.protocol),
        ("region", a.benchmark.region, b.benchmark.region),
        ("normaliser", a.benchmark.normaliser, b.benchmark.normaliser),
        ("version of the metrics", str(a.benchmark.metrics), str(b.benchmark.metrics)),
        ("fingerprint of the data", a.fingerprint[:12], b.fingerprint[:12]),
        ("folds", _numbers(a.folds), _numbers(b.folds)),
    )
    for what, one, other in pairs:
        if one != other:
            raise DataError(
                f"{a.given} and {b.given} do not compare: {what} {one} and {other}; only runs that "
                "were scored on the same frames under the same protocol do"
            )


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def _record_files(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file():
        return [path]
    if path.is_dir():
        return _in_folder(path)
    files = [file for match in sorted(matching(given)) for file in _record_files(str(match))]
    if not files:
        raise UsageError(
            f"{given}: no such run; name a run folder, a record file, or several seeds of one "
            "configuration as a quoted pattern, such as 'runs/mine-s*'"
        )
    return files


def _in_folder(path: Path) -> list[Path]:
    if (path / "record.json").is_file():
        return [path / "record.json"]
    if why := unfinished(path):
        raise UsageError(f"{path}: {why}")
    found, problems, _ = find_records([path])
    if problems:
        raise DataError(str(problems[0]))
    if not found:
        raise UsageError(f"{path}: no run here, and no run records below it")
    return [file for file, _ in found]
