"""Every figure of a record is recomputed from its predictions and compared."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from board_samples import SQUARE, predict, save_run

from zoo.api import DataError, generic_scheme
from zoo.evaluation.records import save_record
from zoo.evaluation.records.verification import verify
from zoo.evaluation.scores.predictions import load

ERRORS = {"Ann": [0.05, 0.03], "Bo": [0.09, float("nan")], None: [0.12]}


def edit(run, change, split="val"):
    record = json.loads((run / "record.json").read_text())
    change(record["results"][split])
    save_record(record, run / "record.json")


def keys(verdict):
    return [each.key for each in verdict.disagreements]


@pytest.fixture
def run(tmp_path):
    return save_run(tmp_path / "run", predict(ERRORS), "a")


def test_an_unedited_record_agrees_in_everything(run):
    verdict = verify(run, "val")
    assert verdict.disagreements == []
    assert verdict.remarks == []
    stored = json.loads((run / "record.json").read_text())["results"]["val"]
    digest = hashlib.sha256((run / "predictions" / "val.npz").read_bytes()).hexdigest()
    assert verdict.results | {"predictions": digest} == stored
    assert "floor" in stored
    assert stored["coverage"] == 0.8


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda r: r.update(nme_ioc=r["nme_ioc"] * 0.99), "nme_ioc"),
        (lambda r: r.update(nme_ioc_low=0.01), "nme_ioc_low"),
        (lambda r: r.update(auc_08=r["auc_08"] + 1e-5), "auc_08"),
        (lambda r: r["regions"].update(nose=0.01), "regions.nose"),
        (lambda r: r["floor"].update(nme_ioc=0.9), "floor.nme_ioc"),
        (lambda r: r["pose"][2].update(n=1), "pose.2.n"),
        (lambda r: r["ced"]["values"].__setitem__(20, 0.5), "ced.values.20"),
        (lambda r: r["by_person"].update(key="0" * 64), "by_person.key"),
        (lambda r: r.update(n=6), "n"),
        (lambda r: r.update(predictions="0" * 64), "predictions"),
    ],
)
def test_any_edited_figure_is_named(run, change, key):
    edit(run, change)
    [disagreement] = verify(run, "val").disagreements
    assert disagreement.key == key


def test_a_relative_difference_of_1e_7_is_no_disagreement(run):
    edit(run, lambda r: r.update(nme_ioc=r["nme_ioc"] * (1 + 1e-7)))
    assert verify(run, "val").disagreements == []


def test_other_predictions_disagree(run):
    path = run / "predictions" / "val.npz"
    other = load(path)
    replace(other, points=other.points + 1).save(path)
    assert {"nme_ioc", "loss", "predictions"} <= set(keys(verify(run, "val")))


def test_an_older_record_is_compared_in_the_figures_that_it_has(run):
    def forget(results):
        for key in ("ced", "pose", "by_person"):
            del results[key]

    edit(run, forget)
    verdict = verify(run, "val")
    assert verdict.disagreements == []
    assert "its record lacks by_person, ced, pose" in verdict.remarks[0]


def test_a_predictions_file_without_a_scheme_uses_the_one_of_its_record(tmp_path):
    without_scheme = replace(predict(ERRORS, generic_scheme(4)), scheme=None)
    with_scheme = replace(without_scheme, scheme=generic_scheme(4))
    run = save_run(tmp_path / "run", with_scheme, "a", data={"scheme": "points4"})
    digest = without_scheme.save(run / "predictions" / "val.npz")
    edit(run, lambda r: r.update(predictions=digest))
    assert verify(run, "val").disagreements == []
    record = json.loads((run / "record.json").read_text())
    for scheme, reason in (("ibug68", "has 4 points a face"), ("mine", "without its landmark")):
        record["data"]["scheme"] = scheme
        save_record(record, run / "record.json")
        with pytest.raises(DataError, match=reason):
            verify(run, "val")


def test_without_the_mean_shape_the_floor_is_not_checked(tmp_path):
    run = save_run(
        tmp_path / "run", predict(ERRORS, mean_shape=False), "a", results={"floor": {"loss": 1.0}}
    )
    verdict = verify(run, "val")
    assert verdict.disagreements == []
    assert verdict.remarks == ["floor cannot be worked out from val.npz alone"]


def test_without_a_record_there_is_nothing_to_compare_with(run):
    (run / "record.json").unlink()
    verdict = verify(run, "val")
    assert not verdict.compared
    assert verdict.results["n"] == 5
    assert "no record.json" in verdict.remarks[0]


def test_results_of_another_version_of_the_metrics_are_not_compared(run):
    record = json.loads((run / "record.json").read_text())
    record["data"]["metrics"] = 7
    save_record(record, run / "record.json")
    verdict = verify(run, "val")
    assert not verdict.compared
    assert "version 7 of the metrics" in verdict.remarks[0]


def test_missing_predictions_name_those_that_are_there(run):
    with pytest.raises(
        DataError, match=r"no predictions/test\.npz: it has those of val; `zoo eval"
    ):
        verify(run, "test")


def test_predictions_are_loaded_with_their_scheme(run):
    back = load(run / "predictions" / "val.npz")
    assert back.scheme == SQUARE
    assert back.mean_shape.shape == (4, 2)


def test_no_torch_is_needed(run):
    code = (
        "import sys; from zoo.cli import main; "
        f"sys.argv = ['zoo', 'evaluate', {str(run)!r}, '--from-predictions']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
