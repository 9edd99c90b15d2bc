"""Folders of .pts files: 300-W with its parts (HELEN, LFPW, AFW, iBUG) and the videos of 300-VW.

A still is ``NAME.pts`` beside ``NAME.jpg`` (or .png, ...). A video is ``NNN/annot/000001.pts`` for
frame 1 of ``NNN/vid.avi``, and so on. A .pts file reads::

    version: 1
    n_points: 68
    {
    x y            one line a point, 1-based: the top left pixel's centre is (1, 1)
    }
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import IBUG68, DataError, Dataset, LandmarkScheme, Problem, Sample
from zoo.images import exif_orientation, read_image

from .video_frames import FrameReader, VideoInfo

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".JPG", ".JPEG", ".PNG", ".BMP")
_MOST_BYTES = 1 << 20
_LARGEST = 1e6
"""Pixels: more is a broken label, not a far point."""

_SPLITS = {
    **dict.fromkeys(("trainset", "train", "afw"), "train"),
    **dict.fromkeys(("testset", "test", "ibug"), "test"),
    **dict.fromkeys(("01_indoor", "02_outdoor", "indoor", "outdoor"), "test"),
}
"""Folder name to split: 300-W trains on AFW and on HELEN's and LFPW's training sets."""

_LICENSE = "research use: 300-W and 300-VW are for research, not for commercial use"


class IbugPts:
    """The labelled stills and video frames below ``root``."""

    scheme: LandmarkScheme = IBUG68
    release = "pts"
    label_offset = (0.0, 0.0)
    license = _LICENSE
    notes = (
        "68 points; stored 1-based, 1 is subtracted so that the centre of the top left pixel is "
        "(0, 0). Video frames are decoded in order from the start of the file."
    )

    def __init__(self, root: Path, as_stored: bool = False) -> None:
        self.root = root
        self._as_stored = as_stored
        self.problems: list[Problem] = []
        self._reader = FrameReader()

    def samples(self) -> Iterator[Sample]:
        """Every .pts file with its picture, by path; pictures are decoded later."""
        self.problems.clear()
        videos: dict[Path, VideoInfo | DataError] = {}
        for path in sorted(self.root.rglob("*.pts"), key=lambda path: path.parts):
            name = path.relative_to(self.root).as_posix()
            try:
                yield self._sample(path, name, videos)
            except DataError as error:
                self.problems.append(Problem(name, str(error)))

    def released(self) -> bool | None:
        """None: no checksums of the releases are known."""
        return None

    def _sample(self, path: Path, name: str, videos: dict[Path, VideoInfo | DataError]) -> Sample:
        points = read_pts(path)
        split = _release_split(path.relative_to(self.root))
        video = path.parent.parent / "vid.avi"
        if path.parent.name == "annot" and video.is_file():
            return self._video_frame(path, name, points, split, video, videos)
        image = _beside(path)
        if image is None:
            raise DataError(f"no image {path.stem}.jpg, .jpeg, .png or .bmp beside it")
        return Sample(
            id=image.relative_to(self.root).as_posix(),
            image=partial(read_image, image, as_stored=self._as_stored),
            points=points,
            visible=np.ones(len(points), np.bool_),
            release_split=split,
            bytes=image.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(image),
        )

    def _video_frame(
        self,
        path: Path,
        name: str,
        points: NDArray[np.float32],
        split: str | None,
        video: Path,
        videos: dict[Path, VideoInfo | DataError],
    ) -> Sample:
        if not (path.stem.isascii() and path.stem.isdigit()) or int(path.stem) < 1:
            raise DataError("its name is no frame number; the first frame is 000001.pts")
        if video not in videos:
            try:
                videos[video] = VideoInfo.of(video)
            except DataError as error:
                videos[video] = error
        info = videos[video]
        if isinstance(info, DataError):
            raise info
        person = video.parent.name
        return Sample(
            id=name.removesuffix(".pts"),
            image=partial(self._reader.read, video, int(path.stem) - 1),
            points=points,
            visible=np.ones(len(points), np.bool_),
            person=person,
            video=person,
            release_split=split,
            bytes=info.height * info.width * 3,
        )


def read_pts(path: Path) -> NDArray[np.float32]:
    """The 68 points of a .pts file, (68, 2), in pixels from 0.

    Raises :class:`DataError` with the line that is wrong.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path.name}: larger than a .pts file of 68 points can be")
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path.name}: not readable as text ({error})") from error
    lines = [(k, line.strip()) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
    wanted = [("version", "1"), ("n_points", str(len(IBUG68)))]
    for (key, value), (number, line) in zip(wanted, lines, strict=False):
        if [part.strip() for part in line.split(":")] != [key, value]:
            raise DataError(f"{path.name} line {number}: {line[:40]!r} instead of '{key}: {value}'")
    body = lines[len(wanted) :]
    if len(body) < 2 or body[0][1] != "{" or body[-1][1] != "}":
        raise DataError(f"{path.name} line {lines[-1][0] if lines else 1}: no points in braces")
    points = [_point(path, number, line) for number, line in body[1:-1]]
    if len(points) != len(IBUG68):
        raise DataError(
            f"{path.name} line {body[-1][0]}: the brace closes after {len(points)} points "
            f"instead of {len(IBUG68)}"
        )
    return (np.array(points) - 1).astype(np.float32)


def _point(path: Path, number: int, line: str) -> tuple[float, float]:
    try:
        x, y = (float(cell) for cell in line.split())
    except ValueError:
        raise DataError(f"{path.name} line {number}: {line[:40]!r} is no x y pair") from None
    if not (abs(x) <= _LARGEST and abs(y) <= _LARGEST):  # NaN too
        raise DataError(f"{path.name} line {number}: {line[:40]!r} is no place in an image")
    return x, y


def _beside(path: Path) -> Path | None:
    for suffix in _SUFFIXES:
        image = path.with_suffix(suffix)
        if image.is_file():
            return image
    return None


def _release_split(relative: Path) -> str | None:
    """What the nearest folder with a known name says."""
    named = (_SPLITS.get(part.lower()) for part in reversed(relative.parts[:-1]))
    return next((split for split in named if split), None)


def open_ibug_pts(root: Path | None, *, as_stored: bool = False) -> IbugPts:
    """The data set of all .pts files below ``root``.

    ``as_stored``: points are those of the stored pixels, not of the picture that viewers turn
    upright by its EXIF orientation. Raises :class:`DataError` where there is no file.
    """
    if root is None:
        raise DataError("ibug_pts: --data must name the folder that holds the .pts files")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; --data names the one that holds the .pts files")
    if next(root.rglob("*.pts"), None) is None:
        raise DataError(
            f"{root}: looked for NAME.pts beside images (300-W) and NNN/annot/000001.pts with "
            "NNN/vid.avi (300-VW), in all folders below; found no .pts file"
        )
    return IbugPts(root, as_stored)


ibug_pts = Dataset(
    open=open_ibug_pts,
    license=_LICENSE,
    reference="Sagonas et al., 300 Faces In-The-Wild Challenge, ICCV-W 2013; Shen et al., 300-VW, "
    "ICCV-W 2015; https://ibug.doc.ic.ac.uk/resources/300-W/",
    summary="300-W and 300-VW: .pts files beside images or a video",
    default_protocol="release",
)
