"""YouTube Faces videos with keypoints, as released on Kaggle: one npz file a video.

    youtube_faces_with_keypoints_full.csv (or _large)   videoID, personName, ...: one row a video
    <videoID>.npz, anywhere below                       T frames:
        colorImages  uint8   (H, W, 3, T)  RGB
        boundingBox  float64 (4, 2, T)     corners TL BL TR BR as x, y
        landmarks2D  float64 (68, 2, T)    x, y
        landmarks3D  float64 (68, 3, T)    not read

A video's pixels are one compressed array of tens of megabytes: listing the samples reads only its
header, and decoding frames in order decompresses it once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from zoo.api import IBUG68, DataError, LandmarkScheme, Problem, Sample
from zoo.files.folders import files_below
from zoo.files.tables import open_table
from zoo.images import MAX_PIXELS
from zoo.threads import at_once

from .youtube_labels import LABEL_OFFSET, LICENSE, NOTES, from_edges

TABLES = {
    "youtube_faces_with_keypoints_full.csv": "kaggle-full",
    "youtube_faces_with_keypoints_large.csv": "kaggle-large",
}
"""CSV name to release; where both lie, the full one, which contains the other, is read."""

MAX_VIDEO_BYTES = 4 << 30
"""Decompressed pixels of one video; the released ones stay below a tenth of it."""


@dataclass(frozen=True)
class Video:
    """The labels of one npz file, and how large its pixels are: checked, not yet decompressed."""

    path: Path
    shape: tuple[int, int, int, int]
    """(H, W, 3, T)"""
    points: NDArray[np.float32]
    """(T, 68, 2), source pixels."""
    boxes: NDArray[np.float32]
    """(T, 4): x0, y0, x1, y1, source pixels."""


class KaggleVideos:
    """The videos below ``root``; of each, ``frames_per_video`` frames spread evenly, or all."""

    scheme: LandmarkScheme = IBUG68
    label_offset = LABEL_OFFSET
    license = LICENSE
    notes = NOTES + (
        " Points and boxes of these videos are taken to be edge coordinates with the same offset "
        "as those of the Udacity frames, which come from the same labels; it was measured there."
    )

    def __init__(self, root: Path, frames_per_video: int | None = None) -> None:
        self.root = root
        self.table = next(root / name for name in TABLES if (root / name).is_file())
        self.release = TABLES[self.table.name]
        self.frames_per_video = frames_per_video
        self.problems: list[Problem] = []

    @staticmethod
    def lies_in(root: Path) -> bool:
        return any((root / name).is_file() for name in TABLES)

    def released(self) -> None:
        """None: no digests of this release are published."""

    def samples(self) -> Iterator[Sample]:
        """Frames in the order of the CSV's rows; ids are ``<videoID>/<frame index>``.

        A row without its file, a file that breaks the layout and a frame whose labels are not
        finite become problems. Raises :class:`DataError` for an unusable CSV file.
        """
        self.problems.clear()
        cache = FrameCache(self.frames_per_video)
        for video, video_id, person in self._videos():
            yield from self._frames(video, video_id, person, cache)

    def unlabelled(self) -> Iterator[Sample]:
        """The frames that ``frames_per_video`` leaves out, as if they had no labels: no point is
        visible. There are none where every frame is kept."""
        kept = self.frames_per_video
        cache = FrameCache(None)
        for video, video_id, person in self._videos() if kept is not None else ():
            height, width, channels, count = video.shape
            all_frames = np.arange(count)
            for index in np.setdiff1d(all_frames, spread(count, kept)).tolist():
                yield Sample(
                    id=f"{video_id}/{index}",
                    image=partial(cache.frame, video, all_frames, index),
                    points=np.zeros((len(IBUG68), 2), np.float32),
                    visible=np.zeros(len(IBUG68), np.bool_),
                    person=person,
                    video=video_id,
                    bytes=height * width * channels,
                )

    def _videos(self) -> Iterator[tuple[Video, str, str]]:
        """Videos with their ids and persons, in the order of the CSV's rows."""
        files: dict[str, list[Path]] = {}
        for path in files_below(self.root, "*.npz"):
            files.setdefault(path.stem, []).append(path)
        rows_by_id: dict[str, int] = {}
        for number, video_id, person, frames in self._rows():
            try:
                if video_id in rows_by_id:
                    raise DataError(f"{video_id} was listed in row {rows_by_id[video_id]} already")
                rows_by_id[video_id] = number
                video = read_labels(_only(files.get(video_id, []), video_id, self.root))
            except DataError as error:
                where = f"{self.table.name} row {number}"
                self.problems.append(Problem(where, str(error), frames))
            else:
                yield video, video_id, person

    def _frames(
        self, video: Video, video_id: str, person: str, cache: FrameCache
    ) -> Iterator[Sample]:
        height, width, channels, count = video.shape
        picked = spread(count, self.frames_per_video)
        for place, index in enumerate(picked.tolist()):
            points, box = video.points[index], video.boxes[index]
            if not (np.isfinite(points).all() and np.isfinite(box).all()):
                where = f"{video.path.name} frame {index}"
                self.problems.append(Problem(where, "a landmark or its box is not finite"))
                continue
            x0, y0, x1, y1 = box.tolist()
            yield Sample(
                id=f"{video_id}/{index}",
                image=partial(cache.frame, video, picked, place),
                points=points,
                visible=np.ones(len(points), np.bool_),
                person=person,
                video=video_id,
                box=(x0, y0, x1, y1),
                bytes=height * width * channels,
            )

    def _rows(self) -> Iterator[tuple[int, str, str, int]]:
        """(row number, videoID, personName, frames as far as is known); the header is row 1."""
        table = open_table(self.table)
        for column in ("videoID", "personName"):
            if column not in table.header:
                what = "is none" if table.lacks_header else f"has no column {column}"
                raise DataError(f"{self.table}: its header {what}; download the file again")
        video, person = table.header.index("videoID"), table.header.index("personName")
        duration = table.header.index("videoDuration") if "videoDuration" in table.header else None
        for number, row in table.rows():
            if len(row) == len(table.header):
                cell = "" if duration is None else row[duration]
                count = int(cell) if cell.isascii() and cell.isdigit() else 1
                frames = min(max(count, 1), self.frames_per_video or count)
                yield number, row[video], row[person], frames
                continue
            reason = f"{len(row)} columns instead of {len(table.header)}"
            self.problems.append(Problem(f"{self.table.name} row {number}", reason))


def spread(count: int, wanted: int | None) -> NDArray[np.int64]:
    """Indices of ``wanted`` of ``count`` frames, the middles of equal stretches; None for all."""
    if wanted is None or wanted >= count:
        return np.arange(count)
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(np.int64)


def _only(paths: list[Path], video_id: str, root: Path) -> Path:
    if not paths:
        raise DataError(f"{video_id}.npz is nowhere below {root}")
    if len(paths) > 1:
        places = " and ".join(str(path.relative_to(root)) for path in paths)
        raise DataError(f"{video_id}.npz is there more than once ({places}); keep one")
    return paths[0]


def read_labels(path: Path) -> Video:
    """Labels and layout of one npz file, without its pixels.

    Raises :class:`DataError` for a key that is missing, pickled, or of another shape or type.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shape = _pixel_shape(archive, path.name)
            stored = _member(archive, "landmarks2D", path.name, (len(IBUG68), 2, shape[3]))
            corners = _member(archive, "boundingBox", path.name, (4, 2, shape[3]))
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many kinds at a damaged file
        raise DataError(f"{path.name}: cannot be read ({error}); download it again") from error
    hull = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Video(path, shape, from_edges(np.moveaxis(stored, -1, 0)), from_edges(hull.T))


def _pixel_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, int, int, int]:
    with _open(archive, "colorImages", name) as file:
        shape, dtype = _header(file, "colorImages", name)
    if dtype != np.uint8 or len(shape) != 4 or shape[2] != 3 or 0 in shape:
        raise DataError(
            f"{name}: colorImages is {dtype} {shape} instead of uint8 (height, width, 3, frames)"
        )
    height, width, channels, count = shape
    if height * width > MAX_PIXELS or height * width * channels * count > MAX_VIDEO_BYTES:
        raise DataError(f"{name}: colorImages claims {shape}, more than is decompressed")
    return height, width, channels, count


def _member(
    archive: zipfile.ZipFile, key: str, name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    with _open(archive, key, name) as file:
        found, dtype = _header(file, key, name)
    if dtype.kind not in "fiu" or found != shape:
        raise DataError(f"{name}: {key} is {dtype} {found} instead of float64 {shape}")
    with _open(archive, key, name) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False), np.float64)


def _open(archive: zipfile.ZipFile, key: str, name: str) -> IO[bytes]:
    try:
        return archive.open(f"{key}.npy")
    except KeyError as error:
        raise DataError(f"{name}: has no {key}") from error


def _header(file: IO[bytes], key: str, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, from its first bytes: nothing is unpickled or allocated."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise DataError(f"{name}: {key} holds pickled Python objects, which are never loaded")
    return shape, dtype


class FrameCache:
    """Decompressed videos, for a pool of threads that reads frames in order.

    Threads that need the same video wait for one decompression. The cache keeps one video more than
    are decoded at once or, where videos are thinned and this is more, as many as have 64 frames:
    readers are never further apart.
    """

    def __init__(self, frames_per_video: int | None) -> None:
        self._kept = max(at_once() + 1, 64 // (frames_per_video or 64))
        self._videos: dict[Path, Future[NDArray[np.uint8]]] = {}
        self._lock = Lock()

    def frame(self, video: Video, picked: NDArray[np.int64], place: int) -> NDArray[np.uint8]:
        """Frame ``picked[place]``: uint8 (H, W, 3) RGB. Raises :class:`DataError`."""
        return np.array(self._frames(video, picked)[place])

    def _frames(self, video: Video, picked: NDArray[np.int64]) -> NDArray[np.uint8]:
        with self._lock:
            future = self._videos.pop(video.path, None)
            is_mine = future is None
            future = future or Future()
            self._videos[video.path] = future  # now the latest: a dict keeps this order
            while len(self._videos) > self._kept:
                del self._videos[next(iter(self._videos))]
        if is_mine:
            try:
                future.set_result(read_frames(video, picked))
            except BaseException as error:
                future.set_exception(error)
        return future.result()


def read_frames(video: Video, picked: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The picked frames of a video, uint8 (len(picked), H, W, 3) RGB. Raises :class:`DataError`."""
    try:
        with np.load(video.path, allow_pickle=False) as arrays:
            pixels = arrays["colorImages"]
    except Exception as error:  # zipfile, zlib and numpy raise many kinds at a damaged file
        raise DataError(
            f"{video.path}: colorImages cannot be decompressed ({error}); download the file again"
        ) from error
    if pixels.shape != video.shape:
        raise DataError(f"{video.path}: colorImages changed its shape since it was listed")
    frames = np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(frames if len(picked) == len(frames) else frames[picked])
