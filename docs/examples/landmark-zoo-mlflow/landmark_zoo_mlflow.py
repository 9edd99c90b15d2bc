"""mlflow: a run's keys as parameters and its figures as metrics of a run of MLflow.

Where they go is MLflow's business: ``MLFLOW_TRACKING_URI`` names a server or a database (by default
``mlflow.db`` in the folder in which training was started), ``MLFLOW_EXPERIMENT_NAME`` the
experiment. A run of the zoo that goes on goes on in the same run of MLflow, whose id lies in its
folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.api import TrackedRun, Tracker, UsageError

FIGURES = ("lr", "train_loss", "val_loss", "val_nme", "images_per_second")
"""Columns of history.csv that are logged; an epoch's step is the last one that it made."""

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowRun:
    def __init__(self) -> None:
        import mlflow

        self.mlflow = mlflow

    def begin(self, run: TrackedRun) -> None:
        note = run.folder / "mlflow" / "run_id"
        if note.is_file():
            self.mlflow.start_run(run_id=note.read_text("utf-8").strip())
        else:
            made = self.mlflow.start_run(run_name=run.folder.name)
            self.mlflow.log_params(dict(_flat(run.config)))
            note.parent.mkdir(exist_ok=True)
            note.write_text(made.info.run_id, "utf-8")
        last = self._last_step()
        for row in run.history:  # saved by a process that ended before it told them
            if row["step"] > last:
                self.epoch(int(row["step"]), row)

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        pass  # a request for each would hold training up

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        self.mlflow.log_metrics({name: float(figures[name]) for name in FIGURES}, step=step)

    def close(self, ending: str) -> None:
        self.mlflow.end_run(STATUS[ending])

    def _last_step(self) -> int:
        active = self.mlflow.active_run().info.run_id
        history = self.mlflow.MlflowClient().get_metric_history(active, "val_nme")
        return max((each.step for each in history), default=0)


def build() -> MlflowRun:
    try:
        return MlflowRun()
    except ImportError as error:
        raise UsageError(f"MLflow is not installed ({error}); pip install mlflow") from error


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with dots and their values; what is empty is left out."""
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
