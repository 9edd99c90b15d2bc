"""A model with a second pass over a crop around its own points, and one with test-time flip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from zoo.config import Config
from zoo.data.batches import Sources, Split
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.predictions import load
from zoo.geometry import Region, crop, frame_region, refine_region
from zoo.prediction import load as load_model
from zoo.registry import registry
from zoo.scoring.mirrored import average_of_both
from zoo.scoring.split import predict_split
from zoo.tensors import load_tensors
from zoo.training.run import evaluate
from zoo.world import World

if TYPE_CHECKING:
    from conftest import Kit

CPU = World(0, 1, torch.device("cpu"))
SOURCE = np.zeros((80, 80, 3), np.uint8)
SOURCE[24:36, 24:36] = 255
SOURCE[44:56, 42:54] = 255
"""Two white blocks of 12 pixels."""
TRUE = np.array([(23.5, 23.5), (53.5, 55.5)])
"""The top left corner of the first block and the bottom right corner of the second one."""


class Corners(torch.nn.Module):
    """Finds the two corners of the white area to a whole pixel, so a closer crop is more exact."""

    head = None

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        size = images.shape[-1]
        white = images.mean(1) > 0.5
        corners = []
        for picture in white:
            y, x = picture.nonzero().unbind(1)
            first, last = (x.min(), y.min()), (x.max() + 1, y.max() + 1)
            corners.append(torch.tensor([first, last]) / size)
        return {"points": torch.stack(corners)}


def split_of(source: np.ndarray[Any, Any], size: int) -> Split:
    region = frame_region(*source.shape[:2])
    return Split(
        images=torch.from_numpy(crop(source, region, size))[None],
        points=torch.zeros(1, 2, 2),
        visible=torch.ones(1, 2, dtype=torch.bool),
        ids=("a",),
        device=torch.device("cpu"),
        sources=Sources((lambda: source,), np.array([(region.cx, region.cy, region.side)])),
    )


@pytest.mark.parametrize("refine", [0, 1, 2])
def test_each_pass_is_a_crop_about_the_points_of_the_one_before(refine: int) -> None:
    """By hand: cut, predict, and cut again around the predicted points."""
    region, model = frame_region(80, 80), Corners()
    config = Config("x", refine=refine)
    unit = predict_split(model, split_of(SOURCE, 16), config, CPU, None).points  # type: ignore[arg-type]
    points = np.zeros((2, 2))
    for _ in range(refine + 1):
        pixels = torch.from_numpy(crop(SOURCE, region, 16)).permute(2, 0, 1)[None] / 255
        points = region.to_source(model(pixels)["points"][0].numpy())
        region = refine_region(points)
    found = frame_region(80, 80).to_source(unit[0])
    np.testing.assert_allclose(found, points, atol=1e-3)


def test_a_second_pass_halves_the_pixel_and_with_it_the_error() -> None:
    errors = []
    for refine in (0, 1):
        unit = predict_split(
            Corners(),  # type: ignore[arg-type]
            split_of(SOURCE, 16),
            Config("x", refine=refine),
            CPU,
            None,
        ).points
        errors.append(np.abs(frame_region(80, 80).to_source(unit[0]) - TRUE).mean())
    assert errors[1] < 0.6 * errors[0]


def test_a_run_that_refines_predicts_as_it_was_scored(kit: Kit) -> None:
    """Other pictures are predicted as frames of the data set are. Here the second crop is turned,
    because a network that has learned almost nothing predicts faces at any roll."""
    folder = kit.train("refine=1", "upright=true", epochs=1)
    scored = load(folder.predictions("val"))
    drawn = registry("dataset").get("synthetic").open(None, people=15, videos=1, frames=3, size=48)
    pictures = {sample.id: sample.image() for sample in drawn.samples()}
    model = load_model(folder.path)
    for row, name in enumerate(scored.ids):
        [face] = model.predict(pictures[name], "none")
        np.testing.assert_allclose(face.points, scored.points[row], atol=1e-3)
    record = load_record(folder.record).raw
    once = load_record(kit.train(epochs=1, out="once").record).raw
    assert record["model"]["gmacs"] == pytest.approx(2 * once["model"]["gmacs"], abs=1e-4)
    assert record["config_hash"] != once["config_hash"]


def test_a_refining_run_resumes_to_the_same_bits(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = ("refine=1", "upright=true", *kit.EVERYTHING)
    uninterrupted = kit.train(*sets, epochs=3, lr=kit.RATE, out="whole")
    stopped = kit.zoo(
        *kit.arguments(*sets, epochs=3, lr=kit.RATE, out="broken"), TINY_AT="8 SIGINT"
    )
    assert stopped.returncode == 130, stopped.stderr
    path = kit.only_run("broken")
    resumed = kit.zoo("train", "--resume", str(path))
    assert resumed.returncode == 0, resumed.stderr
    assert kit.history(path) == kit.history(uninterrupted.path)
    one, _ = load_tensors(uninterrupted.best)
    two, _ = load_tensors(path / "best.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_mean_with_the_mirror_keeps_the_label_offset() -> None:
    """Labels lie .1 sqrt(w h) to the right of the true place; points predicted for the mirror image
    and mirrored back lie as far to the left. The face below is .4 wide and .4 high."""
    true = np.array([[[0.3, 0.3], [0.7, 0.3], [0.5, 0.7]]], np.float32)
    offset = np.array([0.1 * 0.4, 0.0], np.float32)
    both = average_of_both(true + offset, true - offset, (0.1, 0.0))
    np.testing.assert_allclose(both, true + offset, atol=1e-6)


def test_the_figure_with_test_time_flip_is_recorded_and_can_be_recomputed(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    flip = load_record(folder.record).raw["results"]["val"]["flip"]
    both = load(folder.predictions("val-flip"))
    plain = load(folder.predictions("val"))
    assert not np.allclose(both.points, plain.points, atol=1e-3)
    errors = np.linalg.norm(both.points - both.target, axis=-1).mean(1)
    eyes = np.linalg.norm(both.target[:, 36] - both.target[:, 45], axis=-1)
    assert flip["nme_ioc"] == pytest.approx(float((errors / eyes).mean()), rel=1e-5)
    assert evaluate(folder.path)["flip"] == flip
    verified = kit.zoo("evaluate", str(folder.path), "--from-predictions")
    assert "NME with test-time flip" in verified.stdout
    assert "The record says what its predictions give" in verified.stdout


def test_an_edited_flip_figure_is_found(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    text = folder.record.read_text("utf-8")
    value = load_record(folder.record).raw["results"]["val"]["flip"]["nme_ioc"]
    folder.record.write_text(text.replace(repr(value), repr(value / 2)), "utf-8")
    verified = kit.zoo("evaluate", str(folder.path), "--from-predictions")
    assert verified.returncode == 1
    assert "flip.nme_ioc" in verified.stderr


def test_a_region_about_one_place_is_still_a_region() -> None:
    close = refine_region(np.full((3, 2), 5.0))
    assert isinstance(close, Region)
    assert close.side > 0
