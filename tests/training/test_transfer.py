"""A run that starts from another run, on the same points and on others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from drawn_wflw import write_wflw
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zoo.api import IBUG68, WFLW98, LandmarkScheme, WeightsError, generic_scheme
from zoo.api.schemes import WFLW98_OF_IBUG68
from zoo.config.recipes import resolve
from zoo.runs.catalogue import folder_of
from zoo.tensors import file_digest, save_tensors
from zoo.training import run
from zoo.training.rerun import rerun
from zoo.training.transfer import StartRun, carry_head

if TYPE_CHECKING:
    from conftest import Kit

FIVE = generic_scheme(5)


def source(scheme: LandmarkScheme, **head: Tensor) -> StartRun:
    named = {name.replace("__", "."): tensor for name, tensor in head.items()}
    return StartRun("teacher", "tiny", scheme, named)


def numbered(rows: int, *rest: int) -> Tensor:
    """Every row holds its own number, from 1."""
    return torch.arange(1.0, rows + 1).view(-1, *(1 for _ in rest)).expand(rows, *rest).clone()


def test_one_row_per_point_goes_to_the_partner_point() -> None:
    head = nn.Conv2d(3, 68, 1)
    note = carry_head(source(WFLW98, weight=numbered(98, 3, 1, 1), bias=numbered(98)), head, IBUG68)
    expected = torch.tensor(WFLW98_OF_IBUG68) + 1.0
    assert torch.equal(head.bias, expected)
    assert torch.equal(head.weight[:, 2, 0, 0], expected)
    assert "2 tensors for 68 of 68 points" in note
    assert "98 points of wflw98" in note


def test_two_rows_per_point_go_together() -> None:
    head = nn.Linear(4, 2 * 68)
    carry_head(source(WFLW98, weight=numbered(196, 4), bias=numbered(196)), head, IBUG68)
    x, y = head.bias[0::2], head.bias[1::2]
    assert torch.equal(x, 2 * torch.tensor(WFLW98_OF_IBUG68) + 1.0)
    assert torch.equal(y, x + 1)


def test_points_without_a_partner_stay_as_they_were() -> None:
    head = nn.Conv2d(3, 98, 1)
    fresh = head.bias.detach().clone()
    note = carry_head(source(IBUG68, weight=numbered(68, 3, 1, 1), bias=numbered(68)), head, WFLW98)
    assert "for 68 of 98 points" in note
    pupils = slice(96, 98)
    assert torch.equal(head.bias[pupils], fresh[pupils])
    assert torch.equal(head.bias[list(WFLW98_OF_IBUG68)], numbered(68))


def test_the_same_scheme_takes_all_and_shared_layers_go_along_with_others() -> None:
    head = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1))
    tensors = {name: torch.full_like(t, 7) for name, t in head.state_dict().items()}
    note = carry_head(StartRun("teacher", "tiny", FIVE, tensors), head, FIVE)
    assert all((tensor == 7).all() for tensor in head.state_dict().values())
    assert f"of the head {len(tensors)} tensors whole" in note
    assert "fresh" not in note

    head = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1))
    before = head[2].weight.detach().clone()
    other = LandmarkScheme("other5", tuple(f"spot_{i}" for i in range(5)))
    note = carry_head(StartRun("teacher", "tiny", other, tensors), head, FIVE)
    assert (head[0].weight == 7).all()
    assert torch.equal(head[2].weight, before), "as many points, but nobody knows which"
    assert note.endswith("7 tensors whole; fresh: 2.weight, 2.bias")


def test_what_does_not_fit_is_named() -> None:
    head = nn.Linear(4, 10)
    note = carry_head(source(FIVE, weight=torch.zeros(10, 3), bias=numbered(10)), head, FIVE)
    assert note.endswith("of the head 1 tensors whole; fresh: weight")
    assert torch.equal(head.bias, numbered(10))


def test_a_run_on_98_points_gives_a_run_on_68_a_better_start(kit: Kit) -> None:
    wflw = write_wflw(kit.out / "wflw", people=15)
    sets = ("augment.resize=33", "input_size=32", *kit.PLAIN)
    flags = {"dataset": "wflw", "data": str(wflw), "device": "cpu", "batch_size": 8}
    config = resolve("tiny", "seed", sets, {**flags, "epochs": 40, "lr": 0.003})
    teacher = run.train(config, kit.out / "teachers")
    subsets = teacher.read_record().results["val"].subsets
    assert set(subsets) & {"pose", "expression", "illumination", "make-up", "occlusion", "blur"}

    fresh = kit.train(*kit.PLAIN, epochs=1, lr=0.0005)
    kit.watcher.notes.clear()
    started = kit.train(*kit.PLAIN, epochs=1, lr=0.0005, weights=str(teacher.path), out="started")
    [note] = kit.watcher.notes
    assert note == (
        f"starts from {teacher.name} (tiny, 98 points of wflw98): the backbone whole; "
        "of the head 2 tensors for 68 of 68 points"
    )
    record = json.loads(started.record.read_text())
    digest = file_digest(teacher.best)
    assert record["model"]["weights"] == f"run: {teacher.name} sha256: {digest}"
    assert record["config"]["weights_sha256"] == digest
    assert kit.history(started.path)[0]["train_loss"] < kit.history(fresh.path)[0]["train_loss"]
    assert kit.history(started.path)[0]["val_nme"] < kit.history(fresh.path)[0]["val_nme"]


def test_a_run_its_file_and_a_copy_of_it_are_one_start(kit: Kit) -> None:
    teacher = kit.train(epochs=1, out="teachers")
    copy = kit.out / "copy.safetensors"
    copy.write_bytes(teacher.best.read_bytes())
    runs = [
        kit.train(weights=str(start), out=f"from-{number}", epochs=1)
        for number, start in enumerate((teacher.path, teacher.best, copy))
    ]
    assert len({folder.name for folder in runs}) == 1, "one configuration"
    assert len({kit.outcome(folder.path)[2] for folder in runs}) == 1
    starts = [json.loads(f.record.read_text())["model"]["weights"].split()[1] for f in runs]
    assert starts == [teacher.name, teacher.name, "copy.safetensors"]


def test_a_record_holds_the_source_and_licence_of_a_weights_file(kit: Kit) -> None:
    teacher = kit.train(epochs=1, out="teachers")
    tensors = {
        name.removeprefix("backbone."): tensor
        for name, tensor in load_file(teacher.best).items()
        if name.startswith("backbone.")
    }
    foreign = kit.out / "foreign.safetensors"
    save_file(tensors, foreign, {"source": "a package", "license": "MIT", "format": "pt"})
    model = json.loads(kit.train(epochs=1, weights=str(foreign)).record.read_text())["model"]
    assert model["weights"] == f"file: foreign.safetensors sha256: {file_digest(foreign)}"
    assert (model["weights_source"], model["weights_license"]) == ("a package", "MIT")


def test_training_that_takes_no_step_predicts_what_the_source_predicts(kit: Kit) -> None:
    """The head's bias is taken over too: the mean shape does not replace it."""
    teacher = kit.train(*kit.PLAIN, epochs=2, lr=0.05)
    again = kit.train(*kit.PLAIN, epochs=1, lr=1e-30, weights=str(teacher.path), out="again")
    one, two = (np.load(f.predictions("val"))["points"] for f in (teacher, again))
    best = min(row["val_nme"] for row in kit.history(teacher.path))
    assert kit.history(again.path)[0]["val_nme"] == pytest.approx(best, rel=1e-5)
    np.testing.assert_allclose(two, one, atol=1e-3)


def test_a_bundled_model_can_be_the_start(kit: Kit) -> None:
    config = resolve(
        "timm:tf_efficientnet_lite0",
        "quick",
        (*kit.DATA, "input_size=32", "refine=0", "warmup_epochs=0", "ema=0"),
        {"dataset": "synthetic", "device": "cpu", "weights": "face68", "epochs": 1, "lr": 1e-9},
    )
    started = run.train(config, kit.out / "started", reporter=kit.watcher)
    assert kit.watcher.notes[0].startswith("starts from face68 (timm:tf_efficientnet_lite0, 68")
    digest = file_digest(folder_of("face68") / "best.safetensors")
    model = json.loads(started.record.read_text())["model"]
    assert model["weights"] == f"run: face68 sha256: {digest}"
    # the licences of everything that its weights were made from
    assert model["weights_source"].startswith("face68, from ")
    assert "efficientnet-lite0" in model["weights_source"]
    assert "apache-2.0; research use: frames of the YouTube Faces DB" in model["weights_license"]


@pytest.mark.parametrize(
    "kind", ["no run", "not begun", "lost", "foreign header", "another backbone"]
)
def test_an_unusable_start_gets_an_error_of_one_line(kit: Kit, kind: str) -> None:
    backbone = "tiny"
    if kind == "no run":
        start, reason = kit.out, "no run here"
    elif kind == "not begun":
        folder = kit.train(epochs=1, out="teachers")
        for file in (folder.best, folder.history, folder.record):
            file.unlink()
        start, reason = folder.path, "has no best.safetensors: its first epoch is not done. Go on"
    elif kind == "lost":
        folder = kit.train(epochs=1, out="teachers")
        folder.best.unlink()
        start, reason = folder.path, "has no best.safetensors, though it was trained: put that back"
    elif kind == "foreign header":
        start, reason = kit.out / "odd.safetensors", "its header is not a run's"
        save_tensors(start, {"a": torch.ones(2)}, {"config": 3})
    else:
        folder = kit.train(epochs=1, out="teachers")
        backbone = "timm:test_resnet"
        start, reason = (
            folder.path,
            (
                "is of a run with the backbone tiny, and its weights do not fit timm:test_resnet; "
                "train tiny, or name a run of this backbone"
            ),
        )
    keys = {"dataset": "synthetic", "device": "cpu", "weights": str(start)}
    config = resolve(backbone, "seed", kit.DATA, keys)
    with pytest.raises(WeightsError, match=reason) as caught:
        run.train(config, kit.out / "runs", reporter=kit.watcher)
    assert "\n" not in str(caught.value)
    assert str(start) in str(caught.value)
    assert not (kit.out / "runs").exists(), "nothing was begun"


def test_a_record_that_started_from_a_run_runs_again_from_its_folder(kit: Kit) -> None:
    teacher = kit.train(epochs=1, out="teachers")
    other = kit.train(epochs=1, seed=1, out="teachers")
    folder = kit.train(epochs=1, weights=str(teacher.path))
    with pytest.raises(WeightsError, match=r"its sha256 is .* starts from another file"):
        rerun(folder.record, kit.out / "again", weights=other.path)
    again = rerun(folder.record, kit.out / "again", weights=teacher.path, reporter=kit.watcher)
    assert any("the same to the bit" in note for note in kit.watcher.notes)
    assert again.name == folder.name


def test_a_started_run_resumes_to_the_bit(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head continues from what it had learned, and not from the source's head."""
    teacher = kit.train(epochs=1, out="teachers")
    uninterrupted = kit.train(*kit.EVERYTHING, epochs=3, weights=str(teacher.path))
    monkeypatch.setenv("TINY_AT", "7 die")
    with pytest.raises(KeyboardInterrupt, match="planted death"):
        kit.train(*kit.EVERYTHING, epochs=3, weights=str(teacher.path), out="died")
    monkeypatch.delenv("TINY_AT")
    run.resume(kit.only_run("died"))
    assert kit.outcome(kit.only_run("died")) == kit.outcome(uninterrupted.path)
