"""Predicting a split, every frame once, however many processes share the work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..api import LandmarkScheme
from ..config import Config
from ..data.batches import Split
from ..data.store import Store
from ..data.table import SampleTable
from ..evaluation.scores.metrics import board_losses, headline_errors
from ..evaluation.scores.predictions import Predictions
from ..geometry import Region, refine_region, to_source
from ..model import LandmarkModel
from ..world import World

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def predict_split(
    model: LandmarkModel,
    split: Split,
    config: Config,
    world: World,
    upright: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Points (M, K, 2) as fractions of the region and, where the head gives them, scores (M, K).

    ``config`` says how many images at a time, in which precision, and how many passes follow
    the first, each at a crop about the points that were found; ``upright``, the model's
    :attr:`~zoo.runs.trained.Header.upright`, whether these crops are turned.
    """
    training = model.training
    model.eval()
    mine = np.arange(world.rank, len(split), world.size)
    points, scores = [], []
    for start in range(0, len(mine), config.batch_size):
        rows = mine[start : start + config.batch_size]
        images, _, _ = split.take(rows)
        unit, score = _forward(model, images, config.precision)
        for _ in range(config.refine):
            windows = [_window(face, upright) for face in unit]
            close, score = _forward(model, split.look_closer(rows, windows), config.precision)
            found = [window.to_source(face) for window, face in zip(windows, close, strict=True)]
            unit = np.stack(found).astype(np.float32)
        points.append(unit)
        scores.append(score)
    model.train(training)
    given = [score for score in scores if score is not None]
    shares = world.gather(
        (
            np.concatenate(points) if points else None,
            np.concatenate(given) if given else None,
        )
    )
    return _interleave([p for p, _ in shares], len(split)), (
        _interleave([s for _, s in shares], len(split)) if shares[0][1] is not None else None
    )


@torch.no_grad()
def _forward(
    model: LandmarkModel, images: Tensor, precision: str
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """uint8 (B, S, S, 3) to points (B, K, 2) and scores (B, K)."""
    with torch.autocast(images.device.type, PRECISIONS[precision], precision != "fp32"):
        output = model(images.permute(0, 3, 1, 2).float() / 255)
    score = output.get("score")
    return (
        output["points"].float().cpu().numpy(),
        None if score is None else score.float().cpu().numpy(),
    )


def _window(unit: NDArray[np.float32], upright: NDArray[np.float64] | None) -> Region:
    """The next pass's crop of a face, in fractions of the first one's. Points that are not finite
    are left for the caller to find: such a face is seen whole again."""
    return refine_region(unit, upright) if np.isfinite(unit).all() else Region(0.5, 0.5, 1)


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
class Targets:
    """What a split's predictions are measured by; all in source pixels."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    target: NDArray[np.float32]
    visible: NDArray[np.bool_]
    regions: NDArray[np.float64]
    scheme: LandmarkScheme
    label_offset: tuple[float, float]

    @classmethod
    def of(cls, store: Store, table: SampleTable) -> Targets:
        rows = store.rows
        return cls(
            ids=tuple(table.ids[i] for i in rows),
            people=tuple(table.people[i] for i in rows),
            target=table.points[rows],
            visible=table.visible[rows],
            regions=store.regions,
            scheme=table.scheme,
            label_offset=table.label_offset,
        )

    def quick_scores(self, unit: NDArray[np.floating]) -> tuple[float, float]:
        """(headline NME, board loss): what an epoch is evaluated by, without intervals."""
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
        """``mean_shape``: of the training split, so that the baseline can be worked out as well."""
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
