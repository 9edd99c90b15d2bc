"""The seed's way to load data, as in many notebooks: one image after the other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms
from torchvision.transforms import functional as TF

from zoo.data.table import SampleTable

LabelledFile = tuple[Path, NDArray[np.float32]]
"""A picture and its points (K, 2) as fractions of width and height."""
SeedLoader = DataLoader[tuple[Tensor, Tensor]]


class SeedFaces(Dataset[tuple[Tensor, Tensor]]):
    """Images (3, S, S) in [0, 1], and points (K, 2) as fractions of the image."""

    def __init__(self, files: list[LabelledFile], stored: int, size: int) -> None:
        self.files, self.stored, self.size = files, stored, size
        self.recolour = transforms.Compose(
            [
                transforms.ColorJitter(brightness=0.9, contrast=0.9),
                transforms.RandomGrayscale(0.1),
                transforms.GaussianBlur(3, (0.1, 2.0)),
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        path, unit = self.files[row]
        image = TF.resize(Image.open(path).convert("RGB"), [self.stored, self.stored])
        top, left, size, _ = transforms.RandomCrop.get_params(image, (self.size, self.size))
        points = (torch.from_numpy(unit) * self.stored - torch.tensor([left, top])) / size
        return self.recolour(TF.crop(image, top, left, size, size)), points


def seed_loader(
    faces: SeedFaces, batch_size: int, images: int, workers: int, pin: bool
) -> SeedLoader:
    """A loader of random batches with ``images`` faces in total."""
    return DataLoader(
        faces,
        batch_size,
        sampler=RandomSampler(faces, replacement=True, num_samples=images),
        num_workers=workers,
        # Forked workers would hang if the process has other threads, such as a browser's driver.
        multiprocessing_context="forkserver" if workers else None,
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def write_files(table: SampleTable, rows: NDArray[np.int64], folder: Path) -> list[LabelledFile]:
    """Write frames as PNG files of their original size; points are fractions of that size."""
    folder.mkdir()
    files = []
    for row in rows:
        image, path = table.images[row](), folder / f"{row}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        files.append((path, np.float32((table.points[row] + 0.5) / image.shape[1::-1])))
    return files
