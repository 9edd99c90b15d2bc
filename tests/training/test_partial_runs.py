"""A run on partial labels: coordinates of points without a label change no result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from zoo.data import source as sources
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.predictions import load
from zoo.tensors import load_tensors

if TYPE_CHECKING:
    from conftest import Kit

SETS = (
    "refine=1",  # the crops of its further passes come from labels too
    *("augment.crop=false", "augment.rotation=30", "augment.scale=0.25", "augment.flip=0.5"),
    *("augment.low_res=0.3", "augment.jpeg=0.3", "augment.erase=0.3"),
)


@pytest.mark.parametrize("head", ["linear", "soft_argmax"])
def test_garbage_without_a_label_changes_no_bit_of_a_run(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    read_table = sources.read_table
    garbage = 0.0

    def partial(*arguments: Any, **options: Any) -> Any:
        """A third of the points carry no label, and two faces none at all."""
        table = read_table(*arguments, **options)
        visible = np.random.default_rng(0).random(table.visible.shape) < 0.67
        visible[[1, 20]] = False
        points = np.where(visible[..., None], table.points, np.float32(garbage))
        return replace(table, points=points, visible=visible)

    monkeypatch.setattr(sources, "read_table", partial)
    sets = [*SETS, *(["head.stride=10.67"] if head == "soft_argmax" else [])]
    outcomes = []
    for garbage in (0.0, -1e6):
        folder = kit.train(*sets, out=f"runs{garbage:g}", head=head)
        tensors, header = load_tensors(folder.best)
        record = load_record(folder.record).raw
        fitted = {key: header[key] for key in ("faces", "mean_shape")}
        points = load(folder.predictions("val")).points
        results = dict(record["results"]["val"])
        # files that hold the labels as they were read
        digests = {results.pop("predictions"), results["flip"].pop("predictions")}
        assert len(digests) == 2
        outcomes.append((tensors, fitted, kit.history(folder.path), points, results))
    [first, second] = outcomes
    assert first[1:3] == second[1:3]
    assert_array_equal(first[3], second[3])
    assert first[4] == second[4]
    assert first[0].keys() == second[0].keys()
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    assert all(np.isfinite(row["train_loss"]) for row in first[2])
