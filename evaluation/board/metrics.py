"""The figures of plugins' metrics on the board: what the records of a group say of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zoo.registry import bare_id

from ..records import Source
from ..records.schema import MetricFigure


@dataclass(frozen=True)
class GroupMetric:
    """A metric that records of a group have, whether it is installed or not."""

    key: str
    """``distribution/id``."""
    title: str
    unit: str = ""
    """With ``%`` its values are fractions."""
    lower_is_better: bool = True
    baseline: float | None = None
    """What the mean shape scores; None where records do not agree, as folds do not."""
    versions: list[str] = field(default_factory=list)
    """The versions of the distribution that measured a row of the group."""

    def written(self, value: float | None, sign: str = "") -> str:
        """A value of it as people read it; ``sign`` is "+" for a difference."""
        return written(value, self.unit, sign)

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is its key, or its id alone."""
        return name in (self.key, bare_id(self.key))


def written(value: float | None, unit: str, sign: str = "") -> str:
    """A value with its unit as people read it."""
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
    """Tells a reader of columns whose values were not all measured by the same code."""
    return [
        f"{metric.title}: measured by versions {', '.join(metric.versions)} of {metric.key}, which "
        "may not compare"
        for metric in metrics
        if len(metric.versions) > 1
    ]
