"""The metrics of the zoo: their names, and whether lower is better.

The formulas are in :mod:`.metrics`, which a board that only reads figures need not import.
"""

from __future__ import annotations

from dataclasses import dataclass

METRICS_VERSION = 1
"""The version of the metrics' definitions. Results of two versions never share a table."""

THRESHOLDS = {"08": 0.08, "10": 0.10}


@dataclass(frozen=True)
class Metric:
    """A metric: its key in records, its title, whether lower is better, and how it is shown."""

    key: str
    title: str
    lower_is_better: bool = True
    percent: bool = False


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("nme_ioc", "NME inter-ocular", percent=True),
        Metric("nme_pupil", "NME inter-pupil", percent=True),
        Metric("nme_box", "NME box", percent=True),
        Metric("nme_median", "median error", percent=True),
        Metric("nme_diag", "NME diagonal", percent=True),
        Metric("nme_seen", "NME of seen points", percent=True),
        Metric("nme_hidden", "NME of hidden points", percent=True),
        Metric("hidden_ap", "AP of hidden points", lower_is_better=False, percent=True),
        Metric("hidden_f1", "F1 of hidden points", lower_is_better=False, percent=True),
        Metric("loss", "loss"),
        Metric("fr_08", "worse than 8%", percent=True),
        Metric("auc_08", "AUC to 8%", lower_is_better=False, percent=True),
        Metric("fr_10", "worse than 10%", percent=True),
        Metric("auc_10", "AUC to 10%", lower_is_better=False, percent=True),
        Metric("parameters", "parameters"),
        Metric("gmacs", "GMACs"),
        Metric("images_per_second", "images/s", lower_is_better=False),
        Metric("latency_ms", "ms an image"),
        Metric("train_seconds", "training time"),
        Metric("throughput", "images/s at most", lower_is_better=False),
    )
}
