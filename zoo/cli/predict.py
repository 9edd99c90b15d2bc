"""`zoo predict`: points on the faces of pictures, drawn on copies and written as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import DataError, UsageError
from zoo.cli.output import print_json, say

if TYPE_CHECKING:
    from zoo.api import LandmarkScheme
    from zoo.prediction import Face, Predictor


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    inputs: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Image files.")],
    detector: Annotated[
        str, typer.Option(help="Id of a detector; none takes the whole picture as one face.")
    ] = "landmark-zoo/haar",
    out: Annotated[Path, typer.Option(help="Folder for drawn copies and points.csv.")] = Path(
        "predictions"
    ),
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Faces and points as JSON.")] = False,
) -> None:
    """Mark the faces of pictures.

    OUT gets a copy of each picture with its points drawn (NAME-points.png) and one points.csv, a
    row a face. A picture that cannot be read, or shows no face, is named and makes the exit status
    1; the others are done.
    """
    from zoo.engine.folder import plain
    from zoo.prediction import load

    predictor = load(run, device)
    found: list[tuple[Path, list[Face]]] = []
    failed: list[str] = []
    names = _copies(inputs)
    for path in inputs:
        try:
            faces = _mark(predictor, path, detector, out / names[path])
        except DataError as error:
            failed.append(str(error))
            continue
        if not faces:
            failed.append(
                f"{path}: {plain(detector)} found no face; --detector none takes all of it"
            )
            continue
        found.append((path, faces))
        say(f"{path}: {_count(len(faces))}, drawn in {out / names[path]}")
    if found:
        _write_csv(out / "points.csv", found, predictor.scheme)
        total = _count(sum(len(faces) for _, faces in found))
        say(f"points of {total} in {out / 'points.csv'}")
    if json:
        print_json(
            [{"image": str(path), "faces": list(map(_plain, faces))} for path, faces in found]
        )
    for reason in failed:
        say(f"zoo: {reason}")
    if failed:
        raise typer.Exit(1)


def _count(faces: int) -> str:
    return f"{faces} face{'' if faces == 1 else 's'}"


def _copies(inputs: list[Path]) -> dict[Path, str]:
    """A name for each drawn copy; pictures of one name from two folders get a number."""
    names: dict[Path, str] = {}
    for path in inputs:
        name, number = f"{path.stem}-points.png", 1
        while name in names.values() and path not in names:
            number += 1
            name = f"{path.stem}-{number}-points.png"
        names.setdefault(path, name)
    return names


def _mark(predictor: Predictor, path: Path, detector: str, copy: Path) -> list[Face]:
    import cv2
    import numpy as np

    from zoo.images import read_image

    image = read_image(path)
    faces = predictor.predict(image, detector)
    if faces:
        drawn = predictor.draw(image, faces)
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            done, data = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            assert done
            copy.write_bytes(np.asarray(data).tobytes())
        except OSError as error:
            raise UsageError(f"--out {copy.parent}: {error.strerror}") from error
    return faces


def _plain(face: Face) -> dict[str, Any]:
    return {
        "box": [round(v, 2) for v in face.box],
        "box_score": face.box_score,
        "points": face.points.round(2).tolist(),
        "scores": None if face.scores is None else face.scores.tolist(),
    }


def _write_csv(path: Path, found: list[tuple[Path, list[Face]]], scheme: LandmarkScheme) -> None:
    """Columns as the data-set adapter `landmarks_csv` reads them, with the box before."""
    import pandas as pd

    corners = ("box_x0", "box_y0", "box_x1", "box_y1")
    rows = [
        {
            "image_name": str(source),
            "face": number,
            **dict(zip(corners, face.box, strict=True)),
            "box_score": face.box_score,
            **{
                f"part_{i}_{axis}": float(value)
                for i, point in enumerate(face.points)
                for axis, value in zip("xy", point, strict=True)
            },
        }
        for source, faces in found
        for number, face in enumerate(faces)
    ]
    pd.DataFrame(rows).round(3).to_csv(path, index=False)
