"""cofw: Caltech Occluded Faces in the Wild. 29 points, and which of them are hidden."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from zoo.api import DataError, Dataset, LandmarkScheme, Problem, Sample

K = 29
PAIRS = ((0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15), (16, 17), (18, 19),
         (22, 23))  # fmt: skip
MIRROR = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
SCHEME = LandmarkScheme(
    name="cofw29",
    names=tuple(f"cofw_{i}" for i in range(K)),
    flip=tuple(MIRROR.get(i, i) for i in range(K)),
    eye_corners=(8, 9),
    pupils=((16,), (17,)),
    regions={"brows": (*range(8),), "eyes": (*range(8, 18),), "nose": (18, 19, 20, 21),
             "mouth": (*range(22, 28),)},
)  # fmt: skip
FILES = {"train": ("COFW_train_color.mat", "Tr"), "test": ("COFW_test_color.mat", "T")}


def read_image(path: Path, suffix: str, number: int) -> np.ndarray:
    """MATLAB stores arrays by column, so HDF5 shows a picture as (W, H), or (3, W, H)."""
    try:
        with h5py.File(path) as file:
            image = file[file[f"Is{suffix}"][0, number]][()].T
    except (OSError, KeyError) as error:
        raise DataError(f"{path.name}, picture {number + 1}: {error}") from error
    return np.ascontiguousarray(np.dstack([image] * 3) if image.ndim == 2 else image)


class Cofw:
    """The faces of both files, train before test."""

    scheme = SCHEME
    release = "color"
    label_offset = (0.0, 0.0)
    license = "research use"
    notes = "29 points placed by hand, counted from 1 in the files; hidden ones are labelled too."

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def samples(self) -> Iterator[Sample]:
        self.problems.clear()
        for split, (name, suffix) in FILES.items():
            path = self.root / name
            with h5py.File(path) as file:
                labels, boxes = file[f"phis{suffix}"][()].T, file[f"bboxes{suffix}"][()].T
                sizes = [file[each].size for each in file[f"Is{suffix}"][0]]
            for number, (row, (x, y, width, height)) in enumerate(zip(labels, boxes, strict=True)):
                hidden = row[2 * K :] == 1
                yield Sample(
                    id=f"{split}/{number + 1:04d}",
                    image=partial(read_image, path, suffix, number),
                    points=np.stack((row[:K], row[K : 2 * K]), axis=1).astype(np.float32) - 1,
                    visible=np.ones(K, bool),  # every point has a label
                    occluded=hidden,  # some are hidden behind something
                    attributes={"much_hidden": bool(hidden.mean() >= 0.2)},
                    release_split=split,
                    box=(x - 1, y - 1, x - 1 + width, y - 1 + height),
                    bytes=sizes[number],
                )

    def released(self) -> None:
        return None


def open_cofw(root: Path | None) -> Cofw:
    if root is None or not all((root / name).is_file() for name, _ in FILES.values()):
        raise DataError(f"{root}: expected {' and '.join(name for name, _ in FILES.values())}")
    return Cofw(root)


plugin = Dataset(
    open=open_cofw,
    license="research use",
    reference="Burgos-Artizzu et al., ICCV 2013",
    summary="Caltech Occluded Faces in the Wild: 29 points, hidden or not",
    default_protocol="release",
    api_version=2,
)
