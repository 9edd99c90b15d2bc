"""Predicting a split, every frame once, however many processes share the work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..api import LandmarkScheme
from ..data.batches import Split
from ..data.store import Store
from ..data.table import SampleTable
from ..evaluation.metrics import board_losses, headline_errors
from ..evaluation.predictions import Predictions
from ..geometry import to_source
from ..model import LandmarkModel
from .distributed import World

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@torch.no_grad()
def predict_split(
    model: LandmarkModel, split: Split, batch_size: int, precision: str, world: World
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Points (M, K, 2) as fractions of the region and, where the head gives them, scores (M, K)."""
    training = model.training
    model.eval()
    mine = np.arange(world.rank, len(split), world.size)
    points, scores = [], []
    for start in range(0, len(mine), batch_size):
        images, _, _ = split.take(mine[start : start + batch_size])
        with torch.autocast(split.device.type, PRECISIONS[precision], precision != "fp32"):
            output = model(images.permute(0, 3, 1, 2).float() / 255)
        points.append(output["points"].float())
        if "score" in output:
            scores.append(output["score"].float())
    model.train(training)
    shares = world.gather(
        (
            torch.cat(points).cpu().numpy() if points else None,
            torch.cat(scores).cpu().numpy() if scores else None,
        )
    )
    return _interleave([p for p, _ in shares], len(split)), (
        _interleave([s for _, s in shares], len(split)) if shares[0][1] is not None else None
    )


def _interleave(shares: list[NDArray[np.float32] | None], count: int) -> NDArray[np.float32]:
    """Rank r holds rows r, r + n, r + 2 n ..."""
    first = shares[0]
    assert first is not None  # rank 0 has a row of any split that is not empty
    whole = np.empty((count, *first.shape[1:]), np.float32)
    for rank, share in enumerate(shares):
        if share is not None:
            whole[rank :: len(shares)] = share
    return whole


@dataclass(frozen=True)
class Truth:
    """What a split's predictions are measured by; all in source pixels."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    target: NDArray[np.float32]
    visible: NDArray[np.bool_]
    regions: NDArray[np.float64]
    scheme: LandmarkScheme

    @classmethod
    def of(cls, store: Store, table: SampleTable) -> Truth:
        rows = store.rows
        return cls(
            ids=tuple(table.ids[i] for i in rows),
            people=tuple(table.people[i] for i in rows),
            target=table.points[rows],
            visible=table.visible[rows],
            regions=store.regions,
            scheme=table.scheme,
        )

    def quick_scores(self, unit: NDArray[np.floating]) -> tuple[float, float]:
        """(headline NME, board loss): what an epoch is judged by, without intervals."""
        points = to_source(unit, self.regions)
        errors = headline_errors(points, self.target, self.visible, self.scheme)
        losses = board_losses(points, self.target, self.visible, self.regions)
        return float(np.nanmean(errors)), float(np.nanmean(losses))

    def predictions(
        self,
        unit: NDArray[np.floating],
        scores: NDArray[np.float32] | None,
        mean_shape: NDArray[np.float64] | None = None,
    ) -> Predictions:
        """``mean_shape``: of the training split, so that the floor can be worked out as well."""
        return Predictions(
            ids=self.ids,
            people=self.people,
            points=to_source(unit, self.regions).astype(np.float32),
            target=self.target,
            visible=self.visible,
            regions=self.regions,
            scores=scores,
            scheme=self.scheme,
            mean_shape=mean_shape,
        )
