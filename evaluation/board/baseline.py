"""Whether a model has learned more than the baseline: the mean shape of its training split.

The mean shape is the prediction of a model that ignores the picture. A model *has learned* when
its headline error lies below the 95% interval of the baseline's error on the same frames. Records
of earlier versions may lack that interval: then the model's own interval must lie below the
baseline's error. If neither interval is known, the two errors are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..records.schema import Results
from ..scores.metric_names import METRICS
from .pooling import bound_of
from .row import Row

Figures = Mapping[str, Any]
"""Values by name of the metric; names of its interval's bounds end in ``_low`` and ``_high``."""


def has_learned(figures: Figures, baseline: Figures, headline: str) -> bool | None:
    """Whether a model with these figures has learned; None if an error is unknown.

    ``headline`` names the metric, such as ``nme_ioc``.
    """
    error, mean_shape = figures.get(headline), baseline.get(headline)
    if error is None or mean_shape is None:
        return None
    low = baseline.get(f"{headline}_low")
    if low is not None:
        return bool(error < low)
    high = figures.get(f"{headline}_high")
    return bool((error if high is None else high) < mean_shape)


def run_has_learned(results: Results) -> bool | None:
    """Whether a model has learned, by its record's results on a split."""
    headline = results.headline
    figures = {key: results.figure(key) for key in (headline, f"{headline}_high")}
    return has_learned(figures, results.baseline, headline)


def row_has_learned(row: Row, split: str, baseline: Figures, headline: str) -> bool | None:
    """Whether a row of the board has learned, by its means over seeds and folds."""
    high = f"{headline}_high"
    figures = {headline: getattr(row, headline), high: bound_of(row, split, high)}
    return has_learned(figures, baseline, headline)


def baseline_in_words(baseline: Figures, headline: str) -> str:
    """Such as ``28.27% [26.00, 30.90]``; without the brackets if the interval is unknown."""
    error, low, high = (baseline.get(f"{headline}{bound}") for bound in ("", "_low", "_high"))
    if error is None:
        return "unknown"
    interval = "" if low is None or high is None else f" [{100 * low:.2f}, {100 * high:.2f}]"
    return f"{100 * error:.2f}%{interval}"


def reason(baseline: Figures, headline: str) -> str:
    """Why a model counts as not learned; the text follows its name and a colon."""
    title, known = METRICS[headline].title, baseline_in_words(baseline, headline)
    if baseline.get(f"{headline}_low") is None:
        return f"its {title}, or its interval, is not below the baseline's {known}"
    return f"its {title} is not below the interval of the baseline, {known}"


def note_unlearned(rows: Sequence[Row], split: str, baseline: Figures, headline: str) -> list[str]:
    """Notes on rows that are not ranked, and on single runs of a ranked row that did not learn."""
    notes = []
    if any(row.learned is False for row in rows):
        notes.append(f"not learned, so not ranked: {reason(baseline, headline)}")
    for row in rows:
        failed = [
            source.record.run
            for source in row.sources
            if row.learned and run_has_learned(source.record.results[split]) is False
        ]
        if failed:
            notes.append(
                f"{row.backbone}: {len(failed)} of its {len(row.runs)} runs did not learn: "
                f"{', '.join(failed)}"
            )
    return notes
