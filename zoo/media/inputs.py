"""Finds the pictures, videos and sequences of frames that the arguments of `zoo predict` name.

    photo.jpg               a picture
    clip.mp4                a video, recognised by its first bytes, else by its name
    'photos/*.jpg'          a pattern: each match by itself, in natural order
    photos/                 the pictures and videos in the folder; a note names its other files
    frames/                 a sequence, if its pictures are numbered: 000001.png, frame_12.jpg
    frames/%04d.png         a sequence, in the order of its numbers

Nothing is decoded here. An argument that names no input raises :class:`zoo.api.DataError`.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.api import DataError
from zoo.api.errors import did_you_mean
from zoo.files.folders import matching
from zoo.files.reading import open_regular
from zoo.images import HEIC
from zoo.images import SUFFIXES as PICTURES

from .naming import count

VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv",
          ".3gp", ".mts", ".m2ts", ".ts")  # fmt: skip

As = Literal["auto", "pictures", "video"]
"""How a folder, a pattern or several pictures are read; ``auto`` decides by their names."""

_NUMBERED = re.compile(r"frame[ _-]?\d+|\d{3,}", re.IGNORECASE)
"""Matches the stem of a frame, but neither that of a photograph (IMG_0001) nor 1, 2, 3."""
_PRINTF = re.compile(r"%(?:0?\d*)d")


@dataclass(frozen=True)
class MediaInput:
    """One input: a picture, a video, or a sequence of frames."""

    kind: Literal["picture", "video", "sequence"]
    path: Path
    """The picture or video; a sequence's folder or pattern."""
    frames: tuple[Path, ...] = ()
    """Frames of a sequence, in order."""
    guessed: bool = False
    """Whether it was taken for a sequence only because of its frames' names."""

    @property
    def moves(self) -> bool:
        return self.kind != "picture"

    @property
    def stem(self) -> str:
        """The beginning of the names of its outputs."""
        if self.kind != "sequence":
            return self.path.stem
        text = _PRINTF.sub("", self.path.stem) if _PRINTF.search(self.path.stem) else ""
        return text.strip(" _-.") or self.frames[0].resolve().parent.name or "frames"


@dataclass(frozen=True)
class Found:
    """The inputs that one argument names."""

    sources: list[MediaInput]
    """The inputs in order; at least one."""
    place: str = ""
    """The folder or the pattern; empty for a single input."""
    others: tuple[Path, ...] = ()
    """Files of the folder or the pattern that are not read."""

    @property
    def note(self) -> str:
        """A note that names the files that are not read; empty where there are none."""
        return _left_out(self.place, self.others) if self.others else ""


MOST_NAMED = 8
"""Most file names in a note of files that are not read."""


def _left_out(place: str, others: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in others[:MOST_NAMED])
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    verb = "is" if len(others) == 1 else "are"
    return (
        f"{place}: {count(len(others), 'file')} {verb} not read, no picture or video by name: "
        f"{names}{more}"
    )


def find_all(
    arguments: Iterable[str], taken_as: As = "auto"
) -> tuple[list[MediaInput], list[DataError], list[str]]:
    """The inputs that all arguments name, each once; errors of the arguments that name none; and
    notes of the files that are not read.

    With ``taken_as="video"``, pictures that are named one by one (as a shell expands
    ``frames/*.png``) are the frames of one sequence.
    """
    sources: dict[tuple[str, Path], MediaInput] = {}
    errors = []
    notes = []
    for argument in arguments:
        try:
            found = find(argument, taken_as)
        except DataError as error:
            errors.append(error)
        else:
            sources |= {(each.kind, each.path): each for each in found.sources}
            notes += [found.note] if found.note else []
    inputs = list(sources.values())
    pictures = tuple(each.path for each in inputs if each.kind == "picture")
    if taken_as == "video" and pictures:
        moving = [each for each in inputs if each.moves]
        return [MediaInput("sequence", pictures[0].parent, pictures), *moving], errors, notes
    return inputs, errors, notes


def find(argument: str, taken_as: As = "auto") -> Found:
    """The inputs that one argument names.

    Raises :class:`DataError` that says what was looked for.
    """
    path = Path(argument)
    if path.is_dir():
        return _of_folder(path, taken_as)
    if path.exists():
        return Found([_of_file(path)])
    if "://" in argument:
        raise DataError(f"{argument}: an address is not read; download the file and name it here")
    if _PRINTF.search(argument):
        return Found([_of_printf(argument)])
    if glob.has_magic(argument):
        return _of_pattern(argument, taken_as)
    names = [each.name for each in _listed(path.parent)] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, names, most=1, cutoff=0.8)
    reason = "no such image file, video, folder or pattern"
    raise DataError(f"{argument}: {reason}{hint and f'; {hint}'}")


def _of_file(path: Path) -> MediaInput:
    return MediaInput("video" if is_video(path) else "picture", path)


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its first bytes or, if these are unknown, by its name."""
    try:
        with open_regular(path) as stream:
            head = stream.read(16)
    except (DataError, OSError):
        head = b""
    known = _container(head)
    return path.suffix.lower() in VIDEOS if known is None else known


def _container(head: bytes) -> bool | None:
    """Whether the first bytes are those of a video; None where their format is unknown."""
    if head[4:8] == b"ftyp":  # the container of MP4 and QuickTime, and of AVIF and HEIC pictures
        return head[8:12] not in (b"avif", b"avis", *HEIC)
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[:4] in (b"\x1aE\xdf\xa3", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3") or head[:3] == b"FLV":
        return True
    pictures = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    return False if head.startswith(pictures) else None


def _of_folder(folder: Path, taken_as: As) -> Found:
    paths = _listed(folder)
    read, others = _split_by_suffix(paths)
    if not read:
        below = sum(path.is_dir() for path in paths)
        hint = f"; its {below} sub-folders are not searched, '{folder}/**/*' is" if below else ""
        left = f"; {_left_out(str(folder), others).partition(': ')[2]}" if others else ""
        raise DataError(f"{folder}: no picture or video lies in this folder{left}{hint}")
    return Found(_grouped(folder, read, taken_as), str(folder), others)


def _listed(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _of_pattern(pattern: str, taken_as: As) -> Found:
    paths = matching(pattern)
    read, others = _split_by_suffix(paths)
    if not read:
        reason = f"{count(len(paths), 'file')} matched, and none is a picture or video"
        raise DataError(f"{pattern}: {reason if paths else 'no file matches this pattern'}")
    if taken_as == "video":
        return Found(_grouped(Path(pattern), read, taken_as), pattern, others)
    return Found([_of_file(path) for path in read], pattern, others)


def _split_by_suffix(paths: Iterable[Path]) -> tuple[list[Path], tuple[Path, ...]]:
    """Pictures and videos by their names, and the other files; folders are left out. A broken link
    counts by its name, too: reading it gives the error."""
    files = natural(path for path in paths if not path.is_dir())
    read, others = list[Path](), list[Path]()
    for path in files:
        (read if path.suffix.lower() in (*PICTURES, *VIDEOS) else others).append(path)
    return read, tuple(others)


def _grouped(place: Path, files: Sequence[Path], taken_as: As) -> list[MediaInput]:
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    guessed = taken_as == "auto" and _is_sequence(pictures)
    if pictures and (guessed or taken_as == "video"):
        videos = [MediaInput("video", path) for path in files if path.suffix.lower() in VIDEOS]
        return [MediaInput("sequence", place, tuple(pictures), guessed), *videos]
    return [_of_file(path) for path in files]


def _is_sequence(pictures: Sequence[Path]) -> bool:
    """Whether files are a sequence: at least two, every one numbered, all of one suffix."""
    numbered = all(_NUMBERED.fullmatch(path.stem) for path in pictures)
    return len(pictures) > 1 and numbered and len({path.suffix for path in pictures}) == 1


def _of_printf(pattern: str) -> MediaInput:
    path = Path(pattern)
    if len(_PRINTF.findall(pattern)) != 1 or not _PRINTF.search(path.name):
        raise DataError(
            f"{pattern}: a sequence has one number, in the file's name: frames/%04d.png"
        )
    before, after = _PRINTF.split(path.name)
    frame = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    folder = path.parent
    files = _listed(folder) if folder.is_dir() else []
    numbered = [(int(m[1]), p) for p in files if (m := frame.fullmatch(p.name)) and p.is_file()]
    if not numbered:
        first = _PRINTF.sub(lambda match: match[0] % 1, pattern)
        raise DataError(f"{pattern}: no file of this sequence, such as {first}")
    return MediaInput("sequence", path, tuple(p for _, p in sorted(numbered)))


def natural(paths: Iterable[Path]) -> list[Path]:
    """The paths in natural order: frame_2 before frame_10."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(1, int(p), p) if p.isdigit() else (0, 0, p) for p in parts]

    return sorted(paths, key=key)


def is_meant(argument: str) -> bool:
    """Whether an argument can only be an input, by its name; it need not exist."""
    path = Path(argument)
    if path.exists() or "://" in argument or _PRINTF.search(argument) or glob.has_magic(argument):
        return True
    return path.suffix.lower() in (*PICTURES, *VIDEOS)
