"""The baseline on the released frames; ZOO_TEST_YOUTUBE_FACES names their root.

The zoo does not ship these frames, which show people's faces; this test is skipped without them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.config.recipes import resolve
from zoo.data.batches import make_split
from zoo.data.source import open_source
from zoo.evaluation.scores.metrics import baseline_points, mean_shape, summarise
from zoo.reporter import Reporter
from zoo.scoring.split import Targets
from zoo.training.plan import make_plan

ROOT = os.environ.get("ZOO_TEST_YOUTUBE_FACES", "")


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="ZOO_TEST_YOUTUBE_FACES names no copy of the frames")
def test_the_mean_shape_of_strangers_is_28_percent_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    plan = make_plan(resolve("custom_cnn", flags={"data": ROOT, "protocol": "person"}))
    source = open_source(plan.config, strict=False, reporter=Reporter())
    stores = {name: source.store(name, "frame", 16, Reporter()) for name in ("train", "val")}
    cpu = torch.device("cpu")
    train = make_split(stores["train"], source.table, cpu)
    targets = Targets.of(stores["val"], source.table)
    assert not set(targets.people) & {source.table.people[row] for row in stores["train"].rows}
    mean = mean_shape(np.asarray(train.points), np.asarray(train.visible))
    baseline = summarise(
        baseline_points(mean, targets.regions),
        targets.target,
        targets.visible,
        targets.regions,
        targets.scheme,
        targets.people,
    )
    assert 0.26 < baseline["nme_ioc"] < 0.30
    assert baseline["nme_ioc_low"] < baseline["nme_ioc"] < baseline["nme_ioc_high"]
    assert baseline["fr_08"] > 0.97
