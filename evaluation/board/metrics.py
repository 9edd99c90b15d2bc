"""Plugins' metrics on the board, as the records of a group have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zoo.registry import bare_id

from ..records import Source
from ..records.schema import MetricFigure


@dataclass(frozen=True)
class GroupMetric:
    """A metric in the records of a group. It need not be installed."""

    key: str
    """``distribution/id``."""
    title: str
    unit: str = ""
    """If it is ``%``, the values are fractions."""
    lower_is_better: bool = True
    baseline: float | None = None
    """The figure of the mean shape; None if records differ in it, as those of folds do."""
    versions: list[str] = field(default_factory=list)
    """The versions of the distribution that measured the rows of the group."""

    def written(self, value: float | None, sign: str = "") -> str:
        """A value with its unit, for people; ``sign`` is "+" for a difference."""
        return written(value, self.unit, sign)

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is its key, or its id alone."""
        return name in (self.key, bare_id(self.key))


def written(value: float | None, unit: str, sign: str = "") -> str:
    """A value with its unit, for people."""
    if value is None:
        return "none"
    if unit == "%":
        return f"{100 * value:{sign}.2f}%"
    return f"{value:{sign}.4f} {unit}".rstrip()


def group_metrics(sources: Sequence[Source], split: str) -> list[GroupMetric]:
    """The metrics that the records of a group have, by key."""
    found: dict[str, list[MetricFigure]] = {}
    for source in sources:
        for key, figure in source.record.results[split].metrics.items():
            found.setdefault(key, []).append(figure)
    return [_metric(key, found[key]) for key in sorted(found)]


def _metric(key: str, figures: Sequence[MetricFigure]) -> GroupMetric:
    last = figures[-1]
    baselines = {figure.baseline for figure in figures}
    return GroupMetric(
        key=key,
        title=last.title,
        unit=last.unit,
        lower_is_better=last.lower_is_better,
        baseline=baselines.pop() if len(baselines) == 1 else None,
        versions=sorted({str(figure.version) for figure in figures}),
    )


def note_versions(metrics: Iterable[GroupMetric]) -> list[str]:
    """Notes on metrics whose values were measured by different versions of a plugin."""
    return [
        f"{metric.title}: measured by versions {', '.join(metric.versions)} of {metric.key}, whose "
        "values may not be comparable"
        for metric in metrics
        if len(metric.versions) > 1
    ]
