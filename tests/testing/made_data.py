"""The drawn faces in the formats of the other data sets, for the checks of those."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.api import Sample
from zoo.registry import registry

PEOPLE, VIDEOS, FRAMES = 12, 1, 3

Points = NDArray[np.float64]


def faces() -> Iterator[Sample]:
    drawn = registry("dataset").get("synthetic")
    sizes = {"people": PEOPLE, "videos": VIDEOS, "frames": FRAMES, "size": 96}
    return iter(drawn.open(None, **sizes).samples())


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, format="PNG")


def landmarks_csv(root: Path) -> Path:
    """One CSV, images in folders of their own, people and splits named; one point without label."""
    rows = []
    for number, face in enumerate(faces()):
        name = f"{face.person}/{number}.png"
        _save(root / name, face.image())
        cells = [f"{value:.2f}" for value in face.points.flatten()]
        if number == 1:
            cells[:2] = ["", ""]
        rows.append([name, face.person, face.video, face.release_split, *cells])
    header = ["image_name", "person", "video", "split"]
    header += [f"part_{k}_{axis}" for k in range(68) for axis in "xy"]
    with (root / "faces.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return root


def ibug_pts(root: Path) -> Path:
    """Stills of two parts with their splits, as in 300-W."""
    for number, face in enumerate(faces()):
        folder = root / ("helen/testset" if face.release_split == "test" else "lfpw/trainset")
        _save(folder / f"{number}.png", face.image())
        _write_pts(folder / f"{number}.pts", face.points)
    return root


def ibug_videos(root: Path) -> Path:
    """A folder for each person, a .pts file for each frame, as in 300-VW, in parts by split."""
    by_person: dict[str, list[Sample]] = {}
    for face in faces():
        by_person.setdefault(str(face.person), []).append(face)
    for number, (person, frames) in enumerate(by_person.items()):
        folder = root / ("test" if number % 4 == 0 else "train") / person
        (folder / "annot").mkdir(parents=True)
        pictures = [frame.image() for frame in frames]
        height, width = pictures[0].shape[:2]
        codec = cv2.VideoWriter_fourcc(*"MJPG")  # type: ignore[attr-defined]
        video = cv2.VideoWriter(str(folder / "vid.avi"), codec, 25, (width, height))
        for place, (frame, picture) in enumerate(zip(frames, pictures, strict=True), start=1):
            video.write(picture[:, :, ::-1])
            _write_pts(folder / "annot" / f"{place:06}.pts", frame.points)
        video.release()
    return root


def _write_pts(path: Path, points: NDArray[np.float32]) -> None:
    lines = [f"{x:.3f} {y:.3f}" for x, y in points + 1]  # the top left pixel is (1, 1)
    path.write_text("\n".join(["version: 1", "n_points: 68", "{", *lines, "}", ""]))


def wflw(root: Path) -> Path:
    """The two lists of 98 points and the folder of images."""
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for number, face in enumerate(faces()):
        name = f"{number % 3}--Faces/{number}.png"
        _save(root / "WFLW_images" / name, face.image())
        points = _ninety_eight(face.points.astype(np.float64))
        low, high = points.min(axis=0), points.max(axis=0)
        cells = [*points.flatten(), *low, *high, 0, 0, 0, 0, 0, 0]
        lists[face.release_split or "train"].append(" ".join(f"{c:g}" for c in cells) + f" {name}")
    folder = root / "list_98pt_rect_attr_train_test"
    folder.mkdir()
    for split, lines in lists.items():
        (folder / f"list_98pt_rect_attr_{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def _ninety_eight(points: Points) -> Points:
    """WFLW's points from iBUG's: twice as many along the jaw, brows with a lower edge, eyes with a
    point in the middle of either lid, pupils."""
    brows = []
    for upper in (points[17:22], points[22:27]):
        lower = (upper[:-1] + upper[1:]) / 2 + [0, 3]
        brows += [upper, lower[::-1]]  # there along the upper edge, and back along the lower
    eyes = []
    for part in (points[36:42], points[42:48]):
        outer, a, b, inner, c, d = part
        eyes.append(np.array([outer, a, (a + b) / 2, b, inner, c, (c + d) / 2, d]))
    pupils = np.array([eye.mean(axis=0) for eye in eyes])
    jaw = np.empty((33, 2))
    jaw[::2], jaw[1::2] = points[:17], (points[:16] + points[1:17]) / 2
    return np.concatenate([jaw, *brows, points[27:36], *eyes, points[48:68], pupils])


def youtube_frames(root: Path) -> Path:
    """The Udacity layout: two folders, two CSVs, labels that count from the pixel's edge."""
    tables: dict[str, list[list[str]]] = {"training": [], "test": []}
    for face in faces():
        folder = "test" if face.release_split == "test" else "training"
        person, video, frame = face.id.removesuffix(".png").split("/")
        name = f"{person}_{video}{int(frame)}.jpg"
        _save(root / folder / name, face.image())
        tables[folder].append([name, *(f"{value:.1f}" for value in face.points.flatten() + 0.5)])
    for folder, rows in tables.items():
        with (root / f"{folder}_frames_keypoints.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["", *map(str, range(136))], *rows])
    return root


def youtube_videos(root: Path) -> Path:
    """The Kaggle layout: a table and an npz file a video."""
    videos: dict[tuple[str, str], list[Sample]] = {}
    for face in faces():
        videos.setdefault((str(face.person), str(face.video)), []).append(face)
    columns = "videoID personName imageHeight imageWidth videoDuration averageFaceSize"
    rows = [[*columns.split(), "numVideosForPerson"]]
    for (person, video), frames in videos.items():
        name = video.replace("/", "_")
        pictures = np.stack([frame.image() for frame in frames], axis=-1)
        points = np.stack([frame.points for frame in frames], axis=-1).astype(np.float64) + 0.5
        corners = [_corners(points[:, :, k]) for k in range(len(frames))]
        np.savez_compressed(
            root / f"{name}.npz",
            colorImages=pictures,
            boundingBox=np.stack(corners, axis=-1),
            landmarks2D=points,
            landmarks3D=np.zeros((68, 3, len(frames))),
        )
        height, width = pictures.shape[:2]
        facts = [height, width, len(frames), 50.0, VIDEOS]
        rows.append([name, person, *map(str, facts)])
    with (root / "youtube_faces_with_keypoints_full.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def _corners(points: Points) -> Points:
    """The corners of a box about the points: top left, bottom left, top right, bottom right."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([[x0, y0], [x0, y1], [x1, y0], [x1, y1]])
