"""Folders of .pts files: 300-W with its parts (HELEN, LFPW, AFW, iBUG) and the videos of 300-VW.

A still is ``NAME.pts`` beside ``NAME.jpg`` (or .png, ...). A video is ``NNN/annot/000001.pts`` for
frame 1 of ``NNN/vid.avi``, and so on. 300-W's folders say which stills are tested; where none of
them is there, every still is one to train on. A .pts file reads::

    version: 1
    n_points: 68
    {
    x y            one line a point, 1-based: the top left pixel's centre is (1, 1)
    }

In practice, both lines before the brace may be missing, lines may be comments (``#`` or ``//``), a
point without a label is ``nan nan``, and there may be any number of points. A third number in a
line, for which there is no convention, is not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import IBUG68, WFLW98, DataError, Dataset, LandmarkScheme, Problem, Sample
from zoo.files.folders import files_below
from zoo.files.names import readable
from zoo.files.tables import numbered_lines, places
from zoo.images import SUFFIXES, exif_orientation, read_image

from .point_labels import checked_missing, labelled
from .user_scheme import scheme_of
from .video_frames import FrameReader, VideoInfo

_MOST_BYTES = 1 << 20
_COMMENTS = ("#", "//")
_SAMPLED = 50
"""How many files are read to find out how many points a data set has."""

_SPLITS = {
    **dict.fromkeys(("trainset", "train", "afw"), "train"),
    **dict.fromkeys(("testset", "test", "ibug"), "test"),
    **dict.fromkeys(("01_indoor", "02_outdoor", "indoor", "outdoor"), "test"),
}
"""Folder name to split: 300-W trains on AFW and on HELEN's and LFPW's training sets."""

_LICENSE = "research use: 300-W and 300-VW are for research, not for commercial use"


class IbugPts:
    """The labelled stills and video frames below ``root``."""

    release = "pts"
    label_offset = (0.0, 0.0)
    license = _LICENSE

    def __init__(
        self,
        root: Path,
        pairs: Sequence[Sequence[int]] | None = None,
        eyes: Sequence[int] | None = None,
        missing: Sequence[float] | None = None,
        as_stored: bool = False,
    ) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.files = files_below(root, "*.pts")
        self._unsplit = not any(_release_split(path.relative_to(root)) for path in self.files)
        self._missing = checked_missing(missing)
        self._as_stored = as_stored
        self._reader = FrameReader()
        self._pictures: dict[Path, dict[str, list[Path]]] = {}
        self.scheme: LandmarkScheme = scheme_of(_usual_count(self.files), pairs, eyes)

    @property
    def notes(self) -> str:
        return (
            f"{len(self.scheme)} points; stored 1-based, 1 is subtracted so that the centre of the "
            "top left pixel is (0, 0). Video frames are decoded in order from the start of the "
            "file."
        )

    def samples(self) -> Iterator[Sample]:
        """Every .pts file with its picture, by path; pictures are decoded later."""
        self.problems.clear()
        self._pictures.clear()
        videos: dict[Path, VideoInfo | DataError] = {}
        for path in self.files:
            try:
                yield self._sample(path, path.relative_to(self.root).as_posix(), videos)
            except DataError as error:
                name = readable(path.relative_to(self.root).as_posix())
                self.problems.append(Problem(name, str(error)))

    def released(self) -> bool | None:
        """None: no checksums of the releases are known."""
        return None

    def _sample(self, path: Path, name: str, videos: dict[Path, VideoInfo | DataError]) -> Sample:
        stored = read_pts(path)
        if len(stored) != len(self.scheme):
            raise DataError(
                f"{path.name}: {len(stored)} points instead of {len(self.scheme)}, as others have"
            )
        kept, visible = labelled(stored, self._missing)
        points = (kept - 1).astype(np.float32)
        split = _release_split(path.relative_to(self.root))
        video = path.parent.parent / "vid.avi"
        if path.parent.name == "annot" and video.is_file():
            return self._video_frame(path, name, points, visible, split, video, videos)
        image = self._beside(path)
        if image is None:
            raise DataError(f"no image {path.stem}.jpg, .jpeg, .png, .bmp or the like beside it")
        return Sample(
            id=image.relative_to(self.root).as_posix(),
            image=partial(read_image, image, as_stored=self._as_stored),
            points=points,
            visible=visible,
            # without splits, all stills are for training; a protocol takes every tenth of them, by
            # the hash of its name, for validation
            release_split="train" if self._unsplit else split,
            attributes=_parts_of_300w(path.relative_to(self.root), split),
            bytes=image.stat().st_size,
            orientation=1 if self._as_stored else exif_orientation(image),
        )

    def _beside(self, path: Path) -> Path | None:
        """The picture of the same name, whatever the case of its suffix."""
        if path.parent not in self._pictures:
            by_stem = self._pictures.setdefault(path.parent, {})
            for file in sorted(path.parent.iterdir()):
                if file.suffix.lower() in SUFFIXES and file.is_file():
                    by_stem.setdefault(file.stem, []).append(file)
        pictures = self._pictures[path.parent].get(path.stem, [])
        return min(pictures, key=lambda file: SUFFIXES.index(file.suffix.lower()), default=None)

    def _video_frame(
        self,
        path: Path,
        name: str,
        points: NDArray[np.float32],
        visible: NDArray[np.bool_],
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
            id=name[: -len(".pts")],
            image=partial(self._reader.read, video, int(path.stem) - 1),
            points=points,
            visible=visible,
            person=person,
            video=person,
            release_split=split,
            bytes=info.height * info.width * 3,
        )


def _parts_of_300w(relative: Path, split: str | None) -> dict[str, bool]:
    """Which of 300-W's subsets of its test split a still is in: ``challenging`` is iBUG, ``common``
    the test sets of HELEN and LFPW, ``full`` both. Nothing for a still of another collection."""
    folders = {part.casefold() for part in relative.parts[:-1]}
    challenging = split == "test" and "ibug" in folders
    common = split == "test" and bool(folders & {"helen", "lfpw"})
    if not (challenging or common):
        return {}
    return {"common": common, "challenging": challenging, "full": True}


def read_pts(path: Path) -> NDArray[np.float64]:
    """The points of a .pts file, (K, 2), as they are stored: the top left pixel's centre is (1, 1).
    NaN for a point without a label.

    Raises :class:`DataError` with the line that is wrong.
    """
    claimed: int | None = None
    points: list[NDArray[np.float64]] = []
    width = 0
    state, number = "before", 1
    for number, line in numbered_lines(path, _MOST_BYTES):
        if line.startswith(_COMMENTS):
            continue
        for part in filter(None, map(str.strip, re.split(r"([{}])", line))):
            where = f"{path.name} line {number}: {part[:40]!r}"
            if part == "{" and state == "before":
                state = "within"
            elif part == "}" and state == "within":
                state = "after"
            elif state == "before":
                claimed = _claimed(part, where, claimed)
            elif state == "within":
                cells = part.replace(",", " ").split()
                width = width or len(cells)
                points.append(_point(cells, where, width))
            else:
                raise DataError(f"{where} after the closing brace")
    if state != "after" or not points:
        raise DataError(f"{path.name} line {number}: no points in braces")
    if claimed not in (None, len(points)):
        raise DataError(
            f"{path.name} line {number}: the brace closes after {len(points)} points "
            f"instead of {claimed}"
        )
    return np.concatenate(points)


def _claimed(line: str, where: str, before: int | None) -> int | None:
    """The number of points that a line before the brace states; ``before``, what an earlier line
    stated, for a line with the version."""
    key, _, value = (part.strip() for part in line.partition(":"))
    try:
        if key == "version" and float(value) == 1:
            return before
        if key == "n_points":
            return int(value)
    except ValueError:
        pass
    raise DataError(f"{where} instead of 'version: 1', 'n_points: {len(IBUG68)}' or a brace")


def _point(cells: list[str], where: str, width: int) -> NDArray[np.float64]:
    """(1, 2) from ``x y`` or, if the first point has one, ``x y`` and a third number."""
    if len(cells) != width or width not in (2, 3):
        raise DataError(f"{where} is no x y pair")
    try:
        return places(cells[:2], ("x", "y"))
    except DataError as error:
        raise DataError(f"{where} is no x y pair: {error}") from error


def _usual_count(files: Sequence[Path]) -> int:
    """How many points most files have, by a sample that is spread evenly over all files."""
    counts: Counter[int] = Counter()
    for path in files[:: max(1, len(files) // _SAMPLED)]:
        try:
            counts[len(read_pts(path))] += 1
        except DataError:
            continue  # reported when it is read
    known = (len(IBUG68), len(WFLW98))
    return max(counts, key=lambda count: (counts[count], count in known), default=len(IBUG68))


def _release_split(relative: Path) -> str | None:
    """The split by the name of the nearest folder that ``_SPLITS`` knows."""
    splits = (_SPLITS.get(part.lower()) for part in reversed(relative.parts[:-1]))
    return next((split for split in splits if split), None)


def open_ibug_pts(
    root: Path | None,
    *,
    pairs: Sequence[Sequence[int]] | None = None,
    eyes: Sequence[int] | None = None,
    missing: Sequence[float] | None = None,
    as_stored: bool = False,
) -> IbugPts:
    """The data set of all .pts files below ``root``, linked folders included.

    68 points are read as iBUG's and 98 as WFLW's. Any other number, which most files must have, is
    read as a scheme without a known symmetry. ``pairs``: the points that a mirror exchanges, as in
    ``[[0, 1], [3, 4]]``. ``eyes``: two points, the left and the right one in the image; errors are
    divided by their distance. ``missing``: the place, as the files write it, that stands for a
    point without a label, ``[0, 0]`` or ``[-1, -1]``. ``as_stored``: points are those of the stored
    pixels, not of the picture that viewers turn upright by its EXIF orientation. Raises
    :class:`DataError` where there is no file, :class:`UsageError` for an option that makes no
    sense.
    """
    if root is None:
        raise DataError("ibug_pts: --data must name the folder that holds the .pts files")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; --data names the one that holds the .pts files")
    found = IbugPts(root, pairs, eyes, missing, as_stored)
    if not found.files:
        raise DataError(
            f"{root}: looked for NAME.pts beside images (300-W) and NNN/annot/000001.pts with "
            f"NNN/vid.avi (300-VW), in all folders below; found no .pts file"
        )
    return found


ibug_pts = Dataset(
    open=open_ibug_pts,
    license=_LICENSE,
    reference="Sagonas et al., 300 Faces In-The-Wild Challenge, ICCV-W 2013; Shen et al., 300-VW, "
    "ICCV-W 2015; https://ibug.doc.ic.ac.uk/resources/300-W/",
    summary="300-W and 300-VW: .pts files beside images or a video",
    default_protocol="release",
)
