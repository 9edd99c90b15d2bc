"""mlflow: a run's keys as parameters and its figures as metrics of a run of MLflow.

MLflow's variables say where they go: ``MLFLOW_TRACKING_URI`` names a server or a database (by
default ``mlflow.db`` in the folder in which training was started), and ``MLFLOW_EXPERIMENT_NAME``
names the experiment. A resumed run of the zoo continues its run of MLflow, whose id is kept in the
folder of the zoo's run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.api import TrackedRun, Tracker, UsageError

FIGURES = ("lr", "train_loss", "val_loss", "val_nme", "images_per_second")
"""Columns of history.csv that are logged, at the last step of each epoch."""

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowRun:
    """Logs with a client of its own, so that an active MLflow run of the user stays active."""

    def __init__(self) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient()

    def begin(self, run: TrackedRun) -> None:
        note = run.folder / "mlflow" / "run_id"
        if note.is_file():
            self.run_id = note.read_text("utf-8").strip()
            self.client.update_run(self.run_id, status="RUNNING")
        else:
            self.run_id = self._new_run(run)
            note.parent.mkdir(exist_ok=True)
            note.write_text(self.run_id, "utf-8")
        told = self.client.get_metric_history(self.run_id, "val_nme")
        last = max((each.step for each in told), default=0)
        for row in run.history:  # saved by a process that ended before it logged them
            if row["step"] > last:
                self.epoch(int(row["step"]), row)

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        pass  # one request per step would slow training down

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, float(figures[name]), now, step) for name in FIGURES]
        self.client.log_batch(self.run_id, metrics)

    def close(self, ending: str) -> None:
        self.client.set_terminated(self.run_id, STATUS[ending])

    def _new_run(self, run: TrackedRun) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "Default")
        known = self.client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self.client.create_experiment(name)
        made = self.client.create_run(experiment, run_name=run.folder.name)
        params = [Param(key, str(value)) for key, value in _flat(run.config)]
        for start in range(0, len(params), 100):  # as many as a request may hold
            self.client.log_batch(made.info.run_id, params=params[start : start + 100])
        return str(made.info.run_id)


def build() -> MlflowRun:
    try:
        return MlflowRun()
    except ImportError as error:
        raise UsageError(f"MLflow is not installed ({error}); pip install mlflow") from error


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values, without empty values."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in ("", [], ()):
            yield f"{before}{key}", value


plugin = Tracker(
    build=build,
    reference="https://mlflow.org/docs/latest/tracking",
    summary="a run's keys and figures, to MLflow",
    api_version=2,
)
