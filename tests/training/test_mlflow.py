"""The example package for MLflow, read back with MLflow's own client from an SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zoo.training import run
from zoo.training.trackers import tracked, was_tracked

if TYPE_CHECKING:
    from conftest import Kit, Plant

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install mlflow")
PACKAGE = Path(__file__).parents[2] / "docs" / "examples" / "landmark-zoo-mlflow"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "faces")
    mlflow.set_tracking_uri(uri)
    source = (PACKAGE / "landmark_zoo_mlflow.py").read_text()
    plant("landmark-zoo-mlflow", {"zoo.trackers": {"mlflow": "plugin"}}, source)


def test_a_run_that_was_killed_goes_on_in_the_same_run_of_mlflow(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_AT", "8 die")
    with (
        pytest.raises(KeyboardInterrupt, match="planted death"),
        tracked(kit.watcher, "mlflow") as reporter,
    ):
        run.train(kit.config(), kit.out / "runs", reporter=reporter)
    monkeypatch.delenv("TINY_AT")
    path = kit.only_run()
    client = mlflow.MlflowClient()
    [experiment] = [e for e in client.search_experiments() if e.name == "faces"]
    [stopped] = client.search_runs([experiment.experiment_id])
    assert (stopped.info.status, stopped.info.run_name) == ("KILLED", path.name)

    with tracked(kit.watcher, was_tracked(path, kit.watcher)) as reporter:
        run.resume(path, reporter=reporter)
    [resumed] = client.search_runs([experiment.experiment_id])
    assert (resumed.info.run_id, resumed.info.status) == (stopped.info.run_id, "FINISHED")
    assert resumed.data.params["batch_size"] == "8"
    assert resumed.data.params["backbone"] == "tiny/tiny"
    assert not [value for value in resumed.data.params.values() if str(kit.out) in value]
    logged = client.get_metric_history(resumed.info.run_id, "val_nme")
    assert [(each.step, each.value) for each in logged] == [
        (int(row["step"]), row["val_nme"]) for row in kit.history(path)
    ]
    assert not kit.watcher.notes or "no longer follows" not in kit.watcher.notes[-1]


def test_a_server_that_does_not_answer_does_not_stop_the_run(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri("http://127.0.0.1:9")  # nobody listens there
    with tracked(kit.watcher, "mlflow") as reporter:
        folder = run.train(kit.config(epochs=1), kit.out / "runs", reporter=reporter)
    assert folder.record.is_file()
    [note] = [note for note in kit.watcher.notes if "no longer follows" in note]
    assert note.startswith("tracker landmark-zoo-mlflow/mlflow no longer follows this run: ")
