"""What the audit asks of a trained run: predictions for its val frames and their mirror images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from zoo.api import DataError, UsageError, generic_scheme
from zoo.cli import app
from zoo.config import Config
from zoo.data.batches import Sources, Split
from zoo.data.table import SampleTable, read_table
from zoo.evaluation.audit.offset import measure_offset
from zoo.evaluation.scores.predictions import load
from zoo.registry import registry
from zoo.scoring.audit_view import see_mirrored
from zoo.scoring.mirrored import predict_mirrored
from zoo.scoring.split import predict_split
from zoo.world import World

if TYPE_CHECKING:
    from conftest import Kit

CPU = World(0, 1, torch.device("cpu"))
FLIP = (1, 0, 2)


class Blobs(nn.Module):
    """Finds the places of three blobs: two red ones, left and right in the picture, and a blue one.

    Adds the offset that it has ``learned`` to each place, in fractions of the picture.
    """

    def __init__(self, learned: tuple[float, float]) -> None:
        super().__init__()
        self.learned = torch.tensor(learned)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        size = images.shape[-1]
        x = (torch.arange(size) + 0.5) / size
        points = []
        for red, _, blue in images:
            halves = [red.clone(), red.clone()]
            middle = round(float((red.sum(0) * torch.arange(size)).sum() / red.sum()))
            halves[0][:, middle:], halves[1][:, :middle] = 0, 0
            planes = torch.stack((*halves, blue))
            weight = planes.sum((1, 2))
            across, down = (planes.sum(1) @ x) / weight, (planes.sum(2) @ x) / weight
            points.append(torch.stack((across, down), 1) + self.learned)
        return {"points": torch.stack(points)}


def blobs(places: np.ndarray, size: int = 64) -> torch.Tensor:
    """Pictures (M, size, size, 3) with a red, a red and a blue square of 3 x 3 pixels each, about
    ``places`` (M, 3, 2) in whole pixels."""
    images = torch.zeros(len(places), size, size, 3, dtype=torch.uint8)
    for image, three in zip(images, places, strict=True):
        for (x, y), channel in zip(three.tolist(), (0, 0, 2), strict=True):
            image[y - 1 : y + 2, x - 1 : x + 2, channel] = 255
    return images


@pytest.mark.parametrize("learned", [(0.0, 0.0), (0.05, 0.0), (-0.03, 0.02)])
def test_the_mirror_turns_a_learned_offset_in_x_and_nothing_else(
    learned: tuple[float, float],
) -> None:
    rng = np.random.default_rng(0)
    left = np.stack((rng.integers(6, 20, 8), rng.integers(10, 50, 8)), 1)
    right = np.stack((rng.integers(44, 58, 8), rng.integers(10, 50, 8)), 1)
    middle = np.stack((rng.integers(25, 40, 8), rng.integers(10, 50, 8)), 1)
    places = np.stack((left, right, middle), 1)
    true = (places + 0.5) / 64
    split = Split(
        images=blobs(places),
        points=torch.zeros(8, 3, 2),
        visible=torch.ones(8, 3, dtype=torch.bool),
        ids=tuple("abcdefgh"),
        device=torch.device("cpu"),
        sources=Sources((), np.zeros((8, 3))),
    )
    model: Any = Blobs(learned)
    config = Config("blobs")
    plain = predict_split(model, split, config, CPU, None).points
    mirrored_back = predict_mirrored(model, split, config, FLIP, CPU, None)
    dx, dy = learned
    assert plain == pytest.approx(true + np.array([dx, dy]), abs=1e-5)
    assert mirrored_back == pytest.approx(true + np.array([-dx, dy]), abs=1e-5)


def table_of(kit: Kit, **options: Any) -> SampleTable:
    settings = {"people": 15, "videos": 1, "frames": 3, "size": 48} | options
    return read_table(registry("dataset").get("synthetic").open(None, **settings))


def test_a_run_predicts_its_val_frames_as_it_did_when_it_was_scored(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    table = table_of(kit)
    mirrored = see_mirrored(folder.path, "synthetic", table)
    scored = load(folder.predictions("val"))
    assert tuple(table.ids[row] for row in mirrored.rows) == scored.ids
    assert mirrored.plain == pytest.approx(scored.points, abs=1e-3)
    assert not np.allclose(mirrored.back, mirrored.plain, atol=1e-3)
    assert mirrored.trained_here
    assert "val split of person/1" in mirrored.frames
    measured = measure_offset(table, mirrored)
    assert (measured["frames"], measured["people"]) == (6, 2)
    assert measured["low"][0] <= measured["offset"][0] <= measured["high"][0]

    # other people's frames are all new to it
    others = replace(table_of(kit, seed=5), release="drawn elsewhere")
    mirrored = see_mirrored(folder.path, "synthetic", others)
    assert len(mirrored.rows) == len(others)
    assert not mirrored.trained_here
    assert "synthetic" in mirrored.frames
    # in another copy of its own data, nobody knows which frames are new to it
    with pytest.raises(DataError, match="another copy of synthetic"):
        see_mirrored(folder.path, "landmark-zoo/synthetic", table_of(kit, people=16))

    five = replace(table, scheme=generic_scheme(5))
    with pytest.raises(DataError, match="68 points of ibug68, the labels of mine are 5 points"):
        see_mirrored(folder.path, "mine", five)

    folder.record.unlink()
    with pytest.raises(UsageError, match="not finished"):
        see_mirrored(folder.path, "synthetic", table)


def test_the_command_measures_by_a_run(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    sets = [part for text in kit.DATA[:4] for part in ("--set", text)]
    check = ["data", "check", "synthetic", "--protocol", "person", *sets, "--model"]
    done = CliRunner().invoke(app, [*check, str(folder.path)])
    assert done.exit_code == 0, done.stderr
    assert f"by {folder.name} (NME " in done.stdout
    assert "% so averaged) on the val split of person/1" in done.stdout
    assert "mirror-averaged: dx " in done.stdout
    assert "before mirroring: dx " in done.stdout
    assert "dy says nothing here" in done.stdout

    done = CliRunner().invoke(app, [*check, str(kit.out / "nowhere"), "--json"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "nowhere: no run here" in done.stderr
