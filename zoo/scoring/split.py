"""Predicting a split, every frame once, however many processes share the work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..api import LandmarkScheme
from ..config import Config
from ..data.batches import Split
from ..data.store import Store
from ..data.table import SampleTable
from ..device import ahead, autocast
from ..evaluation.scores.metrics import board_losses, headline_errors
from ..evaluation.scores.predictions import Predictions
from ..evaluation.scores.subsets import Attributes
from ..geometry import Region, refine_region, to_source
from ..model import LandmarkModel
from ..world import World

_OUTPUTS = ("points", "score", "visibility")


class Answers(NamedTuple):
    """A model's predictions for M frames."""

    points: NDArray[np.float32]
    """(M, K, 2), as fractions of the region."""
    scores: NDArray[np.float32] | None
    """(M, K), where the head gives them."""
    visibility: NDArray[np.float32] | None
    """(M, K): the probability that a point is seen, where the head gives it."""


def predict_split(
    model: LandmarkModel,
    split: Split,
    config: Config,
    world: World,
    upright: NDArray[np.float64] | None,
) -> Answers:
    """A model's predictions for every frame of a split.

    ``config`` says how many images are predicted at a time, in which precision, and how many passes
    follow the first, each on a crop about the points of the pass before. ``upright``, the model's
    :attr:`~zoo.runs.trained.Header.upright`, says whether these crops are turned.
    """
    training = model.training
    model.eval()
    mine = np.arange(world.rank, len(split), world.size)
    size = config.batch_size
    starts = range(0, len(mine), size)
    loads = [partial(split.take, mine[i : i + size]) for i in starts]
    batches = (images for images, _, _ in ahead(loads, split.device, not split.resident))
    predicted = _one_pass(model, batches, config.precision)
    for _ in range(config.refine if predicted else 0):
        assert predicted is not None
        windows = [_window(face, upright) for face in predicted.points]
        crops = [
            partial(split.close_crops, mine[i : i + size], windows[i : i + size]) for i in starts
        ]
        refined = _one_pass(model, ahead(crops, split.device, True), config.precision)
        assert refined is not None
        pairs = zip(windows, refined.points, strict=True)
        mapped = np.stack([window.to_source(face) for window, face in pairs])
        predicted = refined._replace(points=mapped.astype(np.float32))
    model.train(training)
    shares = [share or (None,) * 3 for share in world.gather(predicted)]
    points, *more = (list(column) for column in zip(*shares, strict=True))
    return Answers(
        _interleave(points, len(split)),
        *(None if each[0] is None else _interleave(each, len(split)) for each in more),
    )


@torch.no_grad()
def _one_pass(model: LandmarkModel, batches: Iterable[Tensor], precision: str) -> Answers | None:
    """Predictions for batches of uint8 (B, S, S, 3), joined; None if there are no batches. It waits
    for a GPU only once, at the end."""
    outputs: dict[str, list[Tensor]] = {name: [] for name in _OUTPUTS}
    for images in batches:
        with autocast(images.device, precision):
            output = model(images.permute(0, 3, 1, 2).float() / 255)
        for name in _OUTPUTS:
            outputs[name] += [output[name].float()] if name in output else []
    points, *more = (torch.cat(each).cpu().numpy() if each else None for each in outputs.values())
    return None if points is None else Answers(points, *more)


def _window(unit: NDArray[np.float32], upright: NDArray[np.float64] | None) -> Region:
    """The next pass's crop of a face, in fractions of the first pass's region. If the points are
    not finite, it is the whole region; the caller will find such points."""
    return refine_region(unit, upright) if np.isfinite(unit).all() else Region(0.5, 0.5, 1)


def _interleave(shares: list[NDArray[np.float32] | None], count: int) -> NDArray[np.float32]:
    """Join the shares of all n processes; rank r holds rows r, r + n, r + 2 n ..."""
    first = shares[0]
    assert first is not None  # rank 0 has a row of any split that is not empty
    joined = np.empty((count, *first.shape[1:]), np.float32)
    for rank, share in enumerate(shares):
        if share is not None:
            joined[rank :: len(shares)] = share
    return joined


@dataclass(frozen=True)
class Targets:
    """What a split's predictions are compared with; all in source pixels."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    target: NDArray[np.float32]
    visible: NDArray[np.bool_]
    regions: NDArray[np.float64]
    scheme: LandmarkScheme
    label_offset: tuple[float, float]
    occluded: NDArray[np.float32] | None = None
    """(M, K), where the data set tells which points are hidden."""
    attributes: tuple[Attributes, ...] | None = None
    """Attributes of each frame, where the data set has them."""

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
            occluded=table.occlusion_of(rows),
            attributes=table.attributes_of(rows),
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
        visibility: NDArray[np.float32] | None = None,
    ) -> Predictions:
        """``mean_shape``: that of the training split, from which the baseline is computed."""
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
            occluded=self.occluded,
            visibility=visibility,
            attributes=self.attributes,
        )
