"""A teacher labels frames without labels, and a student trains on them too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from zoo.api import DataError, UsageError, WeightsError
from zoo.data.source import open_source
from zoo.datasets.synthetic import open_synthetic
from zoo.evaluation.scores.metrics import mean_shape
from zoo.evaluation.scores.protocols import assign
from zoo.geometry import frame_region, label_scale
from zoo.scoring.split import Answers
from zoo.training import fit, run
from zoo.training import pseudo_labels as selftraining
from zoo.training.plan import make_plan
from zoo.training.pseudo_labels import pseudo_label
from zoo.training.rerun import rerun

if TYPE_CHECKING:
    from conftest import Kit

HALF = "dataset.unlabelled=0.5"
# every second label of the 45 frames of 15 people is hidden: 18 of 36 training frames keep one
PSEUDO: tuple[str, ...] = (HALF, "pseudo_keep_share=0.5", "pseudo_weight=0.5")


@pytest.fixture
def teacher(kit: Kit) -> Path:
    path = kit.train(HALF, epochs=3, lr=0.01, out="teachers").path
    kit.watcher.notes.clear()
    return path


def jobs_of(kit: Kit, monkeypatch: pytest.MonkeyPatch, *sets: str, **flags: Any) -> fit.TrainJob:
    """The job that a run would train."""
    jobs: list[fit.TrainJob] = []
    with monkeypatch.context() as patch:
        patch.setattr(run, "fit", lambda job, state: jobs.append(job))
        with pytest.raises(WeightsError):  # nothing was trained
            kit.train(*sets, **flags)
    return jobs[0]


def test_val_and_test_people_are_not_trained_on(
    kit: Kit, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs_of(kit, monkeypatch, HALF, "pseudo_keep_share=1.0", pseudo=str(teacher))
    data = open_synthetic(people=15, videos=1, frames=3, size=48, unlabelled=0.5)
    hidden = list(data.unlabelled())
    splits = assign(
        "person", [s.id for s in hidden], [s.person for s in hidden], [None] * len(hidden)
    )
    assert {"val", "test"} < set(splits), "or nobody could have leaked"
    expected = {s.id for s, split in zip(hidden, splits, strict=True) if split == "train"}
    ids = job.train.whole.split.ids
    assert set(ids[job.labelled :]) == expected
    people = {frame.split("/")[0] for frame in ids}
    assert not people & {frame.split("/")[0] for frame in job.val.ids}
    held_out = {s.person for s, split in zip(hidden, splits, strict=True) if split != "train"}
    assert not people & held_out


def test_the_record_names_the_teacher_and_counts(kit: Kit, teacher: Path) -> None:
    folder = kit.train(*PSEUDO, pseudo=str(teacher))
    record = json.loads(folder.record.read_text())
    teacher_record = json.loads((teacher / "record.json").read_text())
    facts = record["data"]["self_training"]
    assert facts["teacher"] == teacher.name
    assert facts["sha256"] == record["config"]["pseudo_sha256"]
    assert record["config"]["pseudo"] == teacher.name
    assert (facts["unlabelled"], facts["in_train"], facts["kept"]) == (22, 18, 9)
    assert facts["weight"] == 0.5
    # counts of labelled frames, and the baseline, are what they are without a teacher
    assert record["data"]["frames"] == teacher_record["data"]["frames"]
    assert record["data"]["fingerprint"] == teacher_record["data"]["fingerprint"]
    assert record["results"]["val"]["floor"] == teacher_record["results"]["val"]["floor"]
    # 18 labelled frames and, of the 9 kept, a half each epoch
    assert record["images_seen"] == 2 * (18 + 4)
    [note] = [n for n in kit.watcher.notes if n.startswith("teacher ")]
    assert "of 22 unlabelled frames 18 are in the train split, 9 are kept" in note


def test_each_epoch_sees_every_labelled_frame_and_a_new_share_of_the_others(
    kit: Kit, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs_of(kit, monkeypatch, *PSEUDO, pseudo=str(teacher))
    assert (job.labelled, len(job.train), job.drawn, job.frames) == (18, 27, 4, 22)
    pseudo_rows = []
    for epoch in range(40):
        rows = [int(row) for step in fit.epoch_plan(job, epoch) for b in step for row in b]
        assert sorted(row for row in rows if row < 18) == list(range(18))
        pseudo_rows.append([row for row in rows if row >= 18])
        assert len(pseudo_rows[-1]) == len(set(pseudo_rows[-1])) == 4
    counts = np.bincount(np.concatenate(pseudo_rows), minlength=27)[18:]
    assert counts.sum() == 160
    assert counts.min() >= 8, "every frame has its turn"
    assert fit.epoch_plan(job, 3)[0][0].tolist() == fit.epoch_plan(job, 3)[0][0].tolist()


def test_frames_are_kept_where_the_teachers_two_predictions_agree(
    kit: Kit, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs_of(kit, monkeypatch, HALF, "pseudo_keep_share=1.0", pseudo=str(teacher))
    # planted: both predictions agree on frames with an even number, and differ on the others
    monkeypatch.setenv("ZOO_HOME", str(kit.out / "home"))

    def straight(model: object, split: Any, *rest: object) -> Answers:
        points = split.points.cpu().numpy() * 0 + np.random.default_rng(0).random((68, 2))
        return Answers(points.astype(np.float32), None, None)

    def mirrored(model: object, split: Any, *rest: object) -> Any:
        points = straight(model, split)[0].copy()
        points[1::2, :, 1] += 0.2
        return points

    monkeypatch.setattr(selftraining, "predict_split", straight)
    monkeypatch.setattr(selftraining, "predict_mirrored", mirrored)
    student = jobs_of(kit, monkeypatch, HALF, "pseudo_keep_share=0.5", pseudo=str(teacher))
    candidates = job.train.whole.split.ids[job.labelled :]
    assert student.train.whole.split.ids[student.labelled :] == candidates[::2]


def test_a_label_keeps_its_offset_in_the_mirror(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that predicts the exact labels, plain and mirrored, has next to no doubt."""
    monkeypatch.setenv("ZOO_HOME", str(kit.out / "home"))
    teacher = kit.train(HALF, epochs=1, out="teachers")
    plan = make_plan(kit.config(HALF, "pseudo_keep_share=1.0", pseudo=str(teacher.path)))
    source = open_source(plan.config, False, kit.watcher)
    table = replace(source.table, label_offset=(0.05, 0.0))
    source = replace(source, table=table)
    place = np.random.default_rng(0).random((68, 2)).astype(np.float32)
    size = float(label_scale(place[None], np.ones((1, 68), bool))[0])
    offset = np.array([0.05 * size, 0])
    label, mirrored_back = place + offset, place - offset

    def predicting(points: Any) -> Any:
        return lambda model, split, *rest: np.repeat(points[None], len(split), 0).astype(np.float32)

    plain = predicting(label)
    monkeypatch.setattr(selftraining, "predict_split", lambda *a: Answers(plain(*a), None, None))
    monkeypatch.setattr(selftraining, "predict_mirrored", predicting(mirrored_back))
    pseudo = pseudo_label(plan.config, source, torch.device("cpu"), kit.watcher)
    assert pseudo.facts is not None
    assert pseudo.facts["doubt_kept"] < 1e-5
    row = pseudo.count
    height, width, _ = pseudo.source.table.images[row]().shape
    expected = frame_region(height, width).to_source(label)
    np.testing.assert_allclose(pseudo.source.table.points[row], expected, atol=1e-3)


def test_a_student_that_died_ends_in_the_same_bits(
    kit: Kit, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = (*kit.EVERYTHING, *PSEUDO)
    uninterrupted = kit.train(*sets, pseudo=str(teacher), epochs=3)
    monkeypatch.setenv("TINY_AT", "5 die")
    with pytest.raises(KeyboardInterrupt, match="planted death"):
        kit.train(*sets, pseudo=str(teacher), epochs=3, out="died")
    monkeypatch.delenv("TINY_AT")
    died = kit.only_run("died")
    run.resume(died)
    assert kit.outcome(died) == kit.outcome(uninterrupted.path)


def test_a_record_with_a_teacher_runs_again_with_that_teacher(kit: Kit, teacher: Path) -> None:
    folder = kit.train(*PSEUDO, pseudo=str(teacher))
    with pytest.raises(
        WeightsError, match=r"learned from the teacher .*name that run with --pseudo"
    ):
        rerun(folder.record, kit.out / "again")
    again = rerun(folder.record, kit.out / "again", pseudo=teacher, reporter=kit.watcher)
    assert any("the same to the bit" in note for note in kit.watcher.notes)
    assert again.name == folder.name, "one configuration, wherever the teacher lies"


def test_a_teacher_that_may_have_seen_the_scored_people_is_refused(kit: Kit) -> None:
    official = kit.train(HALF, protocol="official", epochs=1, out="teachers")
    with pytest.raises(DataError, match=r"under protocol official/1 .* under person/1 .*train a t"):
        kit.train(HALF, pseudo=str(official.path))
    other = kit.train("dataset.unlabelled=0.25", epochs=1, out="teachers")
    with pytest.raises(
        DataError, match=r"another copy of synthetic .*train a teacher on this copy"
    ):
        kit.train(HALF, pseudo=str(other.path))
    assert not (kit.out / "runs").exists()


def test_no_teacher_and_no_unlabelled_frames_are_said(kit: Kit) -> None:
    plain = kit.train(epochs=1, out="teachers")
    with pytest.raises(
        DataError, match=r"synthetic offers no unlabelled frames here .*leave pseudo"
    ):
        kit.train(pseudo=str(plain.path))
    with pytest.raises(WeightsError, match=r"pseudo = .*nowhere: no such folder"):
        kit.train(HALF, pseudo=str(kit.out / "nowhere"))
    with pytest.raises(WeightsError, match="no run here"):
        kit.train(HALF, pseudo=str(kit.out))


def test_the_mean_shape_is_of_labelled_frames_alone(
    kit: Kit, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs_of(kit, monkeypatch, HALF, "pseudo_keep_share=1.0", pseudo=str(teacher))
    split = job.train.whole.split
    points, visible = split.points.numpy()[:18], split.visible.numpy()[:18]
    np.testing.assert_array_equal(job.header.mean_shape, mean_shape(points, visible))


def test_another_teacher_than_the_records_is_refused(kit: Kit, teacher: Path) -> None:
    folder = kit.train(*PSEUDO, epochs=1, pseudo=str(teacher))
    other = kit.train(HALF, epochs=1, seed=1, out="teachers")
    with pytest.raises(WeightsError, match=r"learns from another teacher, [0-9a-f]{64}: name that"):
        rerun(folder.record, kit.out / "again", pseudo=other.path)
    plain = kit.train(HALF, epochs=1, out="plain")
    with pytest.raises(UsageError, match=r"--pseudo .* has no teacher; leave it out"):
        rerun(plain.record, kit.out / "again", pseudo=teacher)
