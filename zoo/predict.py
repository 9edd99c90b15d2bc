"""Points on faces of pictures, from a trained run.

picture > detector's boxes > regions sized as the training regions were > model > source pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .api import DataError, Detector, LandmarkScheme
from .engine.distributed import pick_device
from .engine.folder import RunFolder
from .engine.trained import FacePlace, Trained, load_trained
from .geometry import Region, crop, frame_region
from .options import call_with_options
from .registry import registry

BATCH = 64
DETECTOR = "landmark-zoo/haar"
"""By default: qualified, so that a namesake of a stranger's changes nothing."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """One face of a picture; everything in source pixels."""

    box: tuple[float, float, float, float]
    """The detector's: x0, y0, x1, y1."""
    box_score: float
    points: NDArray[np.float32]
    """(K, 2)"""
    scores: NDArray[np.float32] | None
    """(K,), where the model gives them."""


class Predictor:
    """A trained model that finds and marks faces; made by :func:`load`."""

    def __init__(self, trained: Trained, device: str = "") -> None:
        self.device = pick_device(device)
        self.model = trained.model.to(self.device).eval()
        self.header = trained.header

    @property
    def scheme(self) -> LandmarkScheme:
        return self.header.scheme

    @property
    def input_size(self) -> int:
        return self.header.config.input_size

    def predict(self, image: Image, detector: str = DETECTOR, **options: Any) -> list[Face]:
        """The faces of one picture, uint8 (H, W, 3) RGB; empty where the detector finds none."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise DataError(
                f"a picture is uint8 (H, W, 3) RGB, this is {image.dtype} {tuple(image.shape)}"
            )
        plugin = registry("detector").get(detector)
        boxes = call_with_options("detector", detector, plugin.build, **options)(image)
        if not len(boxes):
            return []
        regions = [self._region(plugin, box, image) for box in boxes]
        points, scores = self.points_in(image, regions)
        return [
            Face(
                box=tuple(float(v) for v in box[:4]),  # type: ignore[arg-type]
                box_score=float(box[4]),
                points=points[i],
                scores=None if scores is None else scores[i],
            )
            for i, box in enumerate(boxes)
        ]

    def _region(self, plugin: Detector, box: NDArray[np.float32], image: Image) -> Region:
        height, width = image.shape[:2]
        if plugin.whole_frame and self.header.config.region == "frame":
            return frame_region(height, width)
        return face_region(box, plugin.labelled, self.header.faces)

    @torch.no_grad()
    def points_in(
        self, image: Image, regions: Sequence[Region]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Points (N, K, 2) in source pixels for N regions, and scores (N, K) or None."""
        crops = np.stack([crop(image, region, self.input_size) for region in regions])
        units, scores = [], []
        for start in range(0, len(crops), BATCH):
            batch = torch.from_numpy(crops[start : start + BATCH]).to(self.device)
            output = self.model(batch.permute(0, 3, 1, 2).float() / 255)
            units.append(output["points"].float().cpu().numpy())
            if "score" in output:
                scores.append(output["score"].float().cpu().numpy())
        points = [
            region.to_source(unit)
            for region, unit in zip(regions, np.concatenate(units), strict=True)
        ]
        found = np.stack(points).astype(np.float32)
        return found, np.concatenate(scores) if scores else None

    def draw(self, image: Image, faces: Sequence[Face]) -> Image:
        """A copy of the picture with contours, points and boxes."""
        out = image.copy()
        for face in faces:
            draw_face(out, face, self.scheme)
        return out


def face_region(
    box: NDArray[np.float32], labelled: tuple[float, float, float], faces: FacePlace
) -> Region:
    """The region in which a face of this box lies as faces did in training.

    ``labelled`` says where a detector's box holds the landmarks (:class:`zoo.api.Detector`).
    """
    x0, y0, x1, y1 = (float(v) for v in box[:4])
    part, dx, dy = labelled
    longer = max(x1 - x0, y1 - y0)
    side = longer * part / faces.side
    centre_x = (x0 + x1) / 2 + dx * longer
    centre_y = (y0 + y1) / 2 + dy * longer
    return Region(centre_x - (faces.cx - 0.5) * side, centre_y - (faces.cy - 0.5) * side, side)


def draw_face(image: Image, face: Face, scheme: LandmarkScheme) -> None:
    """Draw into ``image``: lines as thin as the face is small, so that both can be seen."""
    extent = float(np.ptp(face.points, axis=0).max())
    thick = max(1, round(extent / 150))
    shift = 4  # OpenCV takes fixed-point coordinates: sixteenths of a pixel
    fixed = np.round(face.points * (1 << shift)).astype(np.int32)
    for indices, closed in scheme.contours:
        line = fixed[list(indices)].reshape(-1, 1, 2)
        cv2.polylines(image, [line], closed, (80, 220, 255), thick, cv2.LINE_AA, shift)
    radius = max(16, round(extent / 90 * (1 << shift)))
    for x, y in fixed.tolist():
        cv2.circle(image, (x, y), radius, (255, 64, 96), cv2.FILLED, cv2.LINE_AA, shift)
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cv2.rectangle(image, (x0, y0), (x1, y1), (255, 255, 255), thick, cv2.LINE_AA)


def load(run: str | Path, device: str = "") -> Predictor:
    """A run's best model, ready to predict. ``device``: cpu, cuda, mps or the best there is."""
    return Predictor(load_trained(RunFolder(Path(run))), device)
