"""The list of checks for a metric.

The faces come from fixed seeds, for 68, 98 and 5 points, the last without symmetry or eye corners;
their eyes are about 60 pixels apart.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from zoo.api import IBUG68, WFLW98, LandmarkScheme, ScoredFace, generic_scheme
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
)
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.subject import Subject

SCHEMES = (IBUG68, WFLW98, generic_scheme(5))
SAME = 1e-9
"""Fraction of a value: a smaller difference comes from another order of the sums."""


class MetricSubject(Subject):
    """A metric, and its values of a few faces."""

    @cached_property
    def measure(self) -> Callable[[ScoredFace], float]:
        with needs("gives_a_number"):
            return self.tried()

    def tried(self) -> Callable[[ScoredFace], float]:
        """``measure``, once it has given a number for every scheme."""
        measure = self.plugin.measure
        for scheme in SCHEMES:
            for off in (0.0, 3.0):
                with must(f"a face of {len(scheme)} points"):
                    value: Any = measure(face(scheme, off))
                try:
                    finite = math.isfinite(float(value))
                except (TypeError, ValueError):
                    raise CheckFailed(f"it gives a {type(value).__name__}, no number") from None
                if not finite:
                    raise CheckFailed(f"it gives {value} for a face whose points all have labels")
        return lambda face: float(measure(face))


def face(scheme: LandmarkScheme, off: float, seed: int = 0) -> ScoredFace:
    """A face all of whose points have labels, predicted ``off`` pixels away."""
    random = np.random.default_rng([len(scheme), seed])
    target = random.uniform(50, 200, (len(scheme), 2))
    angle = random.uniform(0, 2 * np.pi, len(scheme))
    points = target + off * np.stack((np.cos(angle), np.sin(angle)), 1)
    visible = np.ones(len(scheme), bool)
    return ScoredFace(points=points, target=target, visible=visible, scheme=scheme, length=60.0)


def takes_one_face(subject: MetricSubject) -> None:
    """``measure(face)``: it can be called with a face alone."""
    measure = subject.plugin.measure
    try:
        inspect.signature(measure).bind(None)
    except TypeError as error:
        raise CheckFailed(f"it cannot be called with a face alone: {error}") from error
    except ValueError:
        return  # no plain function: the next check calls it


def gives_a_number(subject: MetricSubject) -> None:
    """For 68, 98 and 5 points, right and wrong ones, it gives one finite number."""
    _ = subject.plugin
    subject.tried()


def gives_the_same_value_twice(subject: MetricSubject) -> None:
    """The same face has the same value, also after another one."""
    for scheme in SCHEMES:
        first = subject.measure(face(scheme, 3.0))
        subject.measure(face(scheme, 9.0, seed=1))
        again = subject.measure(face(scheme, 3.0))
        if not _same(first, again):
            raise CheckFailed(f"the same face measures {first:g} and then {again:g}")


def is_best_where_the_points_are_right(subject: MetricSubject) -> None:
    """Points that lie on their labels measure no worse than others: ``lower_is_better`` is true."""
    lower = subject.plugin.lower_is_better
    for scheme in SCHEMES:
        best = subject.measure(face(scheme, 0.0))
        for off in (1.0, 10.0, 100.0):
            other = subject.measure(face(scheme, off))
            if (other < best if lower else other > best) and not _same(best, other):
                raise CheckFailed(
                    f"points {off:g} pixels off measure {other:g} and right ones {best:g}, "
                    f"with lower_is_better = {lower}"
                )


def ignores_points_without_a_label(subject: MetricSubject) -> None:
    """The coordinates of a point without a label, NaN too, change no value."""
    for scheme in SCHEMES:
        labelled = face(scheme, 3.0)
        visible = labelled.visible.copy()
        visible[::2] = False
        part = replace(labelled, visible=visible)
        before = subject.measure(part)
        for strange in (float("nan"), 1e6):
            hidden = ~visible[:, None]
            points, target = (
                np.where(hidden, strange, each) for each in (part.points, part.target)
            )
            changed = {
                "prediction": replace(part, points=points),
                "label": replace(part, target=target),
            }
            for name, other in changed.items():
                with must(f"with {strange:g} for the {name} of points without a label it"):
                    after = subject.measure(other)
                if not _same(before, after):
                    raise CheckFailed(
                        f"with {strange:g} for the {name} of points without a label it measures "
                        f"{after:g} instead of {before:g}"
                    )


def takes_a_face_with_one_label(subject: MetricSubject) -> None:
    """A face with one labelled point has a number, or NaN where that cannot be measured."""
    for scheme in SCHEMES:
        visible = np.zeros(len(scheme), bool)
        visible[-1] = True
        with must("a face with one label"):
            value = subject.measure(replace(face(scheme, 3.0), visible=visible))
        if math.isinf(value):
            raise CheckFailed(f"a face with one label measures {value}; NaN is for those")


def leaves_the_face_alone(subject: MetricSubject) -> None:
    """Points, labels and what is visible are as they were after the call."""
    for scheme in SCHEMES:
        measured = face(scheme, 3.0)
        subject.measure(measured)
        expected = face(scheme, 3.0)
        for field in fields(ScoredFace):
            before, after = getattr(expected, field.name), getattr(measured, field.name)
            if isinstance(before, np.ndarray) and not np.array_equal(before, after):
                raise CheckFailed(f"it changes the {field.name} that it was given")


def _same(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return abs(a - b) <= SAME * max(abs(a), abs(b), 1.0)


SUBJECT = MetricSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    takes_one_face,
    gives_a_number,
    gives_the_same_value_twice,
    is_best_where_the_points_are_right,
    ignores_points_without_a_label,
    takes_a_face_with_one_label,
    leaves_the_face_alone,
)
