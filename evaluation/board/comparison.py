"""The result of a comparison of two models: figures, verdict, and both in words.

The verdict depends on the mean error and on the share of failures, and says which of them is
significant. Plugins' metrics are compared too, but do not change the verdict.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..scores.bootstrap import DRAWS
from ..scores.metric_names import METRICS
from .baseline import baseline_in_words
from .metrics import GroupMetric


@dataclass(frozen=True)
class Difference:
    """A figure of two models, and ``a`` minus ``b`` with its 95% interval over people.

    All are fractions.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class MetricDifference:
    """A plugin's metric of two models, from their records."""

    metric: GroupMetric
    a: float | None
    b: float | None
    paired: Difference | None
    """None if a record has no sums by person, or if versions, people or frames differ."""
    significant: bool

    @property
    def better(self) -> str:
        """``a`` or ``b``; empty if the difference is not significant."""
        if self.paired is None or not self.significant:
            return ""
        return "a" if (self.paired.difference < 0) == self.metric.lower_is_better else "b"

    def to_dict(self) -> dict[str, Any]:
        fields = ("title", "unit", "lower_is_better", "versions")
        return {
            **{name: getattr(self.metric, name) for name in fields},
            "a": self.a,
            "b": self.b,
            "paired": None if self.paired is None else asdict(self.paired),
            "better": self.better,
        }


@dataclass(frozen=True)
class Comparison:
    """Two models on one split. Negative differences are in favour of ``a``."""

    a: str
    b: str
    seeds_a: int
    seeds_b: int
    same_model: bool
    """Whether both are runs of one configuration."""
    benchmark: str
    split: str
    metric: str
    people: int
    unit: str
    """``people``, or ``samples`` if the data set names no people."""
    faces: int
    """Number of faces that both models found. Errors are means over these."""
    missed: int
    """Number of faces that one model did not find. They are failures of that model."""
    error: Difference
    failures: Difference | None
    """None if the records do not say which faces failed."""
    median_a: float | None
    """Median error; None if a record has no error curve."""
    median_b: float | None
    paired: bool
    """Whether the errors of both models are over the same faces."""
    learned_a: bool | None
    """Whether ``a`` is better than the baseline, the mean shape; None if unknown."""
    learned_b: bool | None
    baseline: dict[str, float | None]
    """Figures of the mean shape: the metric, and the bounds of its interval if known."""
    source: str
    """``predictions`` or ``records``."""
    metrics: tuple[MetricDifference, ...] = ()
    """Plugins' metrics that a record has, in the order of their keys."""

    @property
    def evidence(self) -> dict[str, Difference]:
        """The significant differences, by metric: of the mean error, and of the share of failures.

        Empty for a single person or frame, which says nothing about others.
        """
        found = {self.metric: self.error}
        if self.failures is not None:
            found["fr_08"] = self.failures
        return {key: d for key, d in found.items() if self.people > 1 and d.significant}

    @property
    def verdict(self) -> str:
        """``a`` or ``b``, the better one; ``tied`` if no difference is significant; ``mixed`` if
        one has the smaller error and the other has fewer failures."""
        better = {"a" if d.difference < 0 else "b" for d in self.evidence.values()}
        return "mixed" if len(better) == 2 else next(iter(better), "tied")

    @property
    def significant(self) -> bool:
        """Whether the difference in mean error or in failures is significant."""
        return bool(self.evidence)

    def to_dict(self) -> dict[str, Any]:
        failures = self.failures
        return {
            **{key: value for key, value in asdict(self).items() if key not in _NESTED},
            "error": asdict(self.error) | {"significant": self.significant},
            "failures": None
            if failures is None
            else asdict(failures) | {"significant": self.people > 1 and failures.significant},
            "metrics": {each.metric.key: each.to_dict() for each in self.metrics},
            "verdict": self.verdict,
            "evidence": list(self.evidence),
            "draws": DRAWS,
            "sentence": sentence(self),
        }


_NESTED = ("error", "failures", "metrics")


def sentence(c: Comparison) -> str:
    """What the figures mean, in plain words."""
    e, f, title = c.error, c.failures, METRICS[c.metric].title
    size = _size(e, c.metric)
    people = f"{c.people} {c.unit}"
    if c.learned_a is False and c.learned_b is False:
        return (
            f"Neither {c.a} nor {c.b} has learned: each one's {title} is not below the interval of "
            f"the baseline, {baseline_in_words(c.baseline, c.metric)}. Which of them is ahead says "
            "nothing."
        )
    if c.people == 1:
        return f"{c.a} and {c.b} differ by {size} on one {c.unit}, which says nothing of any other."
    if e.low == e.high == 0 and (f is None or f.low == f.high == 0):
        return f"{c.a} and {c.b} make the same errors on these {people}."
    evidence = c.evidence
    if not evidence:
        also = f" and by {_size(f, 'fr_08')} {_interval(f.low, f.high)}" if f else ""
        inside = "both intervals hold zero" if f else "zero lies inside"
        return (
            f"{c.a} and {c.b} cannot be told apart on these {people}: they differ by {size} "
            f"{_interval(e.low, e.high)}{also}, and {inside}. With other {c.unit}, the order "
            "might be the other way round."
        )
    better, worse = (c.a, c.b) if next(iter(evidence.values())).difference < 0 else (c.b, c.a)
    gains = [f"{_size(d, key)} {_gain(d)}" for key, d in evidence.items()]
    if c.verdict == "mixed":
        return (
            f"{better} has the smaller error, by {gains[0]}, and {worse} fewer failures, by "
            f"{gains[1]}: both significant at 95% on {people}. Which is better depends on which "
            "of the two counts."
        )
    return (
        f"{better} is better than {worse} by {' and by '.join(gains)}: "
        f"{'both ' if len(evidence) > 1 else ''}significant at 95% on {people}; other {c.unit} "
        f"would hardly turn the order round.{_other_evidence(c)}"
    )


def _other_evidence(c: Comparison) -> str:
    """A sentence on the figure that is not significant; empty if both are, or if one is unknown."""
    if c.failures is None or len(c.evidence) != 1:
        return ""
    key = "fr_08" if c.metric in c.evidence else c.metric
    d = c.failures if key == "fr_08" else c.error
    what = "failures" if key == "fr_08" else "mean errors"
    return (
        f" Their {what} alone do not tell them apart: they differ by {_size(d, key)} "
        f"{_interval(d.low, d.high)}."
    )


def _size(d: Difference, metric: str) -> str:
    what = f"points of {METRICS[metric].title}" if metric != "fr_08" else "points of failures"
    return f"{100 * abs(d.difference):.2f} {what}"


def _gain(d: Difference) -> str:
    """The interval of a difference in favour of the better one."""
    return _interval(-d.high, -d.low) if d.difference < 0 else _interval(d.low, d.high)


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.2f}, {100 * high:.2f}]"
