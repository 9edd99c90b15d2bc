"""What the comparison of two models found: figures, verdict, and both in words.

The verdict weighs the mean error and the share of failures, and says which of them it rests on.
Metrics of plugins stand beside that and have no part in it.
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
    """A figure of two models: ``a`` minus ``b``, fractions, with its 95% interval over people."""

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
    """A plugin's metric of two models, as their records have it."""

    metric: GroupMetric
    a: float | None
    b: float | None
    paired: Difference | None
    """None where a record has no sums by person, or where versions, people or frames differ."""
    significant: bool

    @property
    def better(self) -> str:
        """``a`` or ``b``; empty where nothing tells them apart."""
        if self.paired is None or not self.significant:
            return ""
        return "a" if (self.paired.difference < 0) == self.metric.lower_is_better else "b"

    def to_dict(self) -> dict[str, Any]:
        told = ("title", "unit", "lower_is_better", "versions")
        return {
            **{name: getattr(self.metric, name) for name in told},
            "a": self.a,
            "b": self.b,
            "paired": None if self.paired is None else asdict(self.paired),
            "better": self.better,
        }


@dataclass(frozen=True)
class Comparison:
    """Two models on one split; negative differences are in favour of ``a``."""

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
    """``people``, or ``samples`` where the data set names nobody."""
    faces: int
    """Number of faces that both found: the error goes over these."""
    missed: int
    """Number of faces that one of them did not find; they are failures of that one."""
    error: Difference
    failures: Difference | None
    """None where records do not say which faces failed."""
    median_a: float | None
    """Half of the faces have a larger error; None where a record has no error curve."""
    median_b: float | None
    paired: bool
    """Whether the errors go over the same faces on both sides."""
    learned_a: bool | None
    """Whether it is better than the baseline, the mean shape; None where that is unknown."""
    learned_b: bool | None
    baseline: dict[str, float | None]
    """What the mean shape scores: the metric, and where known the bounds of its interval."""
    source: str
    """``predictions`` or ``records``."""
    metrics: tuple[MetricDifference, ...] = ()
    """Those of plugins that a record has, by key."""

    @property
    def evidence(self) -> dict[str, Difference]:
        """The differences that tell the two apart, by metric: of the mean error, and of failures.
        One person, or one frame, alone says nothing of others."""
        found = {self.metric: self.error}
        if self.failures is not None:
            found["fr_08"] = self.failures
        return {key: d for key, d in found.items() if self.people > 1 and d.significant}

    @property
    def verdict(self) -> str:
        """``a`` or ``b``, the better one; ``tied`` where nothing tells them apart, and ``mixed``
        where one has the smaller error and the other fewer failures."""
        better = {"a" if d.difference < 0 else "b" for d in self.evidence.values()}
        return "mixed" if len(better) == 2 else next(iter(better), "tied")

    @property
    def significant(self) -> bool:
        """Whether mean error or failures tell the two apart."""
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
    told = c.evidence
    if not told:
        also = f" and by {_size(f, 'fr_08')} {_interval(f.low, f.high)}" if f else ""
        inside = "both intervals hold zero" if f else "zero lies inside"
        return (
            f"{c.a} and {c.b} cannot be told apart on these {people}: they differ by {size} "
            f"{_interval(e.low, e.high)}{also}, and {inside}. With other {c.unit}, the order "
            "might be the other way round."
        )
    better, worse = (c.a, c.b) if next(iter(told.values())).difference < 0 else (c.b, c.a)
    gains = [f"{_size(d, key)} {_gain(d)}" for key, d in told.items()]
    if c.verdict == "mixed":
        return (
            f"{better} has the smaller error, by {gains[0]}, and {worse} fewer failures, by "
            f"{gains[1]}: both significant at 95% on {people}. Which is better depends on which "
            "of the two counts."
        )
    return (
        f"{better} is better than {worse} by {' and by '.join(gains)}: "
        f"{'both ' if len(told) > 1 else ''}significant at 95% on {people}; other {c.unit} would "
        f"hardly turn the order round.{_other_evidence(c)}"
    )


def _other_evidence(c: Comparison) -> str:
    """What the figure says that is not significant; empty where both are, or one is unknown."""
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
