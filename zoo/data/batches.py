"""One split on its device, and the order in which an epoch goes through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..device import send
from ..geometry import Region, crop, to_unit
from ..threads import at_once
from .decoded_once import decoded_once
from .pixels import PixelFile
from .store import Store
from .table import SampleTable

RESIDENT_SHARE = 0.5
"""Share of a GPU's free memory: a smaller store is kept there, a larger one is streamed."""


@dataclass(frozen=True)
class Split:
    """M frames: pixels as stored, points as fractions of the stored square."""

    images: Tensor
    """(M, S, S, 3) uint8; on the device, or in host memory to be streamed."""
    points: Tensor
    """(M, K, 2) float32 in [0, 1] of the region, on the device."""
    visible: Tensor
    """(M, K) bool, on the device."""
    ids: tuple[str, ...]
    device: torch.device
    sources: Sources
    """Where the crops of later passes come from."""
    occluded: Tensor | None = None
    """(M, K) float32 on the device: 1 where a point is hidden, 0 where it is seen, NaN where that
    is unknown; None where the data set never says."""
    file: PixelFile | None = None
    """The file with the images; None: they are in memory."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def resident(self) -> bool:
        """Whether the images are on the device; otherwise they are loaded while the previous batch
        is processed."""
        return self.file is None and self.images.device.type == self.device.type

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Images uint8 (B, S, S, 3), points (B, K, 2) and visible (B, K), on the device."""
        index = torch.from_numpy(rows)
        here = send(index, self.device)
        # index_select copies whole images; indexing would copy byte by byte
        if self.resident:
            images = self.images.index_select(0, here)
        else:
            shape, pinned = (len(rows), *self.images.shape[1:]), self.device.type == "cuda"
            buffer = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
            if self.file is None:
                torch.index_select(self.images, 0, index, out=buffer)
            else:
                self.file.read(rows, buffer.numpy())
            images = send(buffer, self.device)
        return images, self.points.index_select(0, here), self.visible.index_select(0, here)

    def take_occluded(self, rows: NDArray[np.int64]) -> Tensor | None:
        """Which points are hidden, (B, K) as in ``occluded``."""
        if self.occluded is None:
            return None
        return self.occluded.index_select(0, send(torch.from_numpy(rows), self.device))

    def close_crops(self, rows: NDArray[np.int64], windows: Sequence[Region]) -> Tensor:
        """Images uint8 (B, S, S, 3) on the device, cut anew from the source frames: one window per
        row, in fractions of the image that :meth:`take` gives."""
        pixels = self.sources.cut(rows, windows, int(self.images.shape[1]))
        return send(torch.from_numpy(pixels), self.device)


@dataclass(frozen=True)
class Sources:
    """The frames that a split's squares were cut from."""

    images: tuple[Callable[[], NDArray[np.uint8]], ...]
    regions: NDArray[np.float64]
    """(M, 3): centre x, centre y and side in source pixels."""

    def cut(
        self, rows: NDArray[np.int64], windows: Sequence[Region], size: int
    ) -> NDArray[np.uint8]:
        """Squares (B, size, size, 3) of windows, given in fractions of each frame's region."""

        def cut_one(row: int, window: Region) -> NDArray[np.uint8]:
            region = Region(*self.regions[row].tolist())
            return crop(self.images[row](), region.inner(window), size)

        with ThreadPoolExecutor(at_once()) as pool:
            return np.stack(list(pool.map(cut_one, rows.tolist(), windows)))


def make_split(
    store: Store, table: SampleTable, device: torch.device, again: bool = False
) -> Split:
    """A store's frames with their labels, on the device. ``again``: whether the source frames are
    needed more than once, as in validation, which cuts the crops of further passes from them."""
    unit = to_unit(table.points[store.rows], store.regions)
    images, file = torch.from_numpy(store.images), None
    if device.type != "cpu" and _fits(store.images.nbytes, device):
        images = images.to(device)
    elif isinstance(store.images, np.memmap):
        file = PixelFile(store.images)
    occluded = table.occlusion_of(store.rows)
    sources = tuple(table.images[row] for row in store.rows)
    return Split(
        images=images,
        points=torch.from_numpy(unit.astype(np.float32)).to(device),
        visible=torch.from_numpy(table.visible[store.rows]).to(device),
        ids=tuple(table.ids[row] for row in store.rows),
        device=device,
        sources=Sources(decoded_once(sources) if again else sources, store.regions),
        occluded=None if occluded is None else torch.from_numpy(occluded).to(device),
        file=file,
    )


def _fits(size: int, device: torch.device) -> bool:
    if device.type == "mps":  # CPU and GPU share one memory
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= RESIDENT_SHARE * free


def derive(seed: int, *place: int) -> int:
    """A separate seed for every place (epoch, step, rank) in a run."""
    return int(np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)[0] >> 1)


def epoch_batches(
    count: int, batch_size: int, seed: int, epoch: int, least: int = 2
) -> list[NDArray[np.int64]]:
    """Shuffled rows of one epoch in batches; a last batch of fewer than ``least`` joins the one
    before it, since batch norm cannot work on one image."""
    order = np.random.default_rng(derive(seed, 0, epoch)).permutation(count).astype(np.int64)
    batches = [order[i : i + batch_size] for i in range(0, count, batch_size)]
    if len(batches) > 1 and len(batches[-1]) < least:
        last = batches.pop()
        batches[-1] = np.concatenate((batches[-1], last))
    return batches
