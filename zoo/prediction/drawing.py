"""Faces drawn into a picture."""

from __future__ import annotations

import cv2
import numpy as np

from ..api import LandmarkScheme
from .face import Face, Image


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
