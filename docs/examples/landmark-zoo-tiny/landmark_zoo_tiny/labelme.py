"""tiny_labelme: pictures that were annotated with LabelMe, a JSON file beside each.

Below the root stands a folder for each person. A file has points named as in ``SCHEME``.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.api import DataError, Dataset, LandmarkScheme, Problem, Sample

SCHEME = LandmarkScheme(
    name="five",
    names=("eye_left", "eye_right", "nose", "mouth_left", "mouth_right"),
    flip=(1, 0, 2, 4, 3),
    eye_corners=(0, 1),
)


def read_picture(file: Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB."""
    try:
        with Image.open(file) as picture:
            return np.array(picture.convert("RGB"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read as a picture ({error})") from error


class LabelMe:
    """The annotated pictures below ``root``."""

    scheme = SCHEME
    release = "labelme"
    label_offset = (0.0, 0.0)
    license = "unknown: the files do not say"
    notes = "LabelMe counts from the corner of the first pixel, so half a pixel is taken off."

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def samples(self) -> Iterator[Sample]:
        """Every usable file, by its path; a file that is left out is told in ``problems``."""
        self.problems.clear()
        for file in sorted(self.root.rglob("*.json"), key=lambda file: file.parts):
            try:
                yield self.sample(file)
            except DataError as error:
                self.problems.append(Problem(file.relative_to(self.root).as_posix(), str(error)))

    def sample(self, file: Path) -> Sample:
        try:
            shapes = json.loads(file.read_text("utf-8"))["shapes"]
            marked = {shape["label"]: np.array(shape["points"][0], np.float32) for shape in shapes}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"no LabelMe file ({type(error).__name__}: {error})") from error
        visible = np.array([name in marked for name in SCHEME.names])
        picture = file.with_suffix(".png")
        if not visible.any():
            raise DataError(f"none of its points is called {', '.join(SCHEME.names)}")
        if not picture.is_file():
            raise DataError(f"no picture {picture.name} beside it")
        nowhere = np.zeros(2, np.float32)
        return Sample(
            id=picture.relative_to(self.root).as_posix(),
            image=partial(read_picture, picture),
            points=np.stack([marked.get(name, nowhere) for name in SCHEME.names]) - np.float32(0.5),
            visible=visible,
            person=file.parent.name,
            bytes=picture.stat().st_size,
        )

    def released(self) -> bool | None:
        """None: there are no released files to compare with."""
        return None


def open_labelme(root: Path) -> LabelMe:
    """The data set below ``root``."""
    if not any(root.rglob("*.json")):
        raise DataError(f"{root}: looked for LabelMe's .json files in it and below; found none")
    return LabelMe(root)


plugin = Dataset(
    open=open_labelme,
    summary="pictures annotated with LabelMe: five points, a folder a person",
    api_version=2,
)
