"""Eyes, brows, nose, mouth and glasses, painted along curves through the landmarks."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .model import Array
from .paint import (
    SHIFT,
    blend,
    curve,
    ellipse,
    fill,
    fixed,
    glaze,
    line,
    mix,
    shade,
    unit_circle,
)
from .sitting import Sitting


def beard(s: Sitting) -> None:
    if s.look.beard <= 0:
        return
    moustache = s.points[[35, 33, 31]] * 0.6 + s.points[[52, 51, 50]] * 0.4
    upper = np.vstack([s.points[[13, 54]], moustache, s.points[[48, 3]]])
    outline = np.vstack([curve(s.points[3:14]), upper])
    glaze(s.image, outline, shade(s.look.hair, 0.8), 0.8 * s.look.beard, blur=0.05 * s.unit)


def eye(s: Sitting, corner: int) -> None:
    """``corner``: the first of the eye's six points, its left corner in the image."""
    eye = s.points[corner : corner + 6]
    upper, lower = curve(eye[:4]), curve(eye[[3, 4, 5, 0]])
    shape = np.vstack([upper, lower[1:-1]])
    width = float(np.linalg.norm(eye[3] - eye[0]))
    skin = s.lit(s.look.skin, (0.0, 0.0, 0.9))
    lid = upper - (eye[[4, 5]].mean(axis=0) - eye[[1, 2]].mean(axis=0)) * 0.2
    lid = lid - (0, 0.07 * s.unit)
    glaze(s.image, np.vstack([upper, lid[::-1]]), shade(skin, 0.62), 0.75, blur=0.03 * s.unit)
    pad = 3
    x0, y0 = np.maximum(np.floor(shape.min(axis=0)).astype(int) - pad, 0)
    x1, y1 = np.ceil(shape.max(axis=0)).astype(int) + pad + 1
    part = s.image[y0:y1, x0:x1]
    if part.size:
        origin = np.array([x0, y0])
        ball = np.empty_like(part)
        ball[:] = shade((250, 246, 242), 0.35 + 0.65 * s.light.ambient**0.5)
        centre = eye[[0, 3]].mean(axis=0)
        gaze = np.array(s.face.expression.gaze)
        centre = centre + gaze * width * 0.5 - (0, 0.015 * s.unit) - origin
        radius = 0.115 * s.unit
        narrow = min(1.0, 0.35 + width / (0.40 * s.unit) * 0.65)
        disc = ellipse((centre[0], centre[1]), (radius * narrow, radius), s.camera.roll)
        fill(ball, disc, s.look.iris)
        line(ball, disc, shade(s.look.iris, 0.45), 0.025 * s.unit, closed=True)
        fill(ball, (disc - centre) * 0.45 + centre, (12, 10, 10))
        fill(ball, (disc - centre) * 0.2 + centre + radius * np.array([-0.3, -0.35]),
             (255, 255, 255))  # fmt: skip
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed(shape - origin)], 255.0, cv2.LINE_AA, SHIFT)
        blend(part, ball, mask)
    line(s.image, upper, (30, 20, 18), 0.045 * s.unit)
    line(s.image, lower, shade(skin, 0.5), 0.022 * s.unit)
    line(s.image, lid, shade(skin, 0.55), 0.02 * s.unit)


def brows(s: Sitting) -> None:
    taper = np.interp(np.arange(17), [0, 5, 13, 16], [0.35, 0.9, 1.0, 0.7])[:, None]
    colour = mix(shade(s.look.hair, 0.6), (20, 14, 12), 0.3)
    for points, width in ((s.points[17:22], taper), (s.points[22:27], taper[::-1])):
        spine = curve(points)
        thick = np.array([0, 0.5 * s.look.brow_width * s.unit]) * width
        fill(s.image, np.vstack([spine - thick, (spine + thick)[::-1]]), colour)


def nose(s: Sitting) -> None:
    skin = s.lit(s.look.skin, (0.0, 0.2, 0.8))
    dark = shade(skin, 0.55)
    base = s.points[31:36]
    below = base + np.array([0, 0.08]) * s.unit
    glaze(s.image, np.vstack([base, below[::-1]]), dark, 0.6, blur=0.03 * s.unit)
    line(s.image, curve(base), dark, 0.03 * s.unit)
    for inner, wing, side in ((32, 31, -1), (34, 35, 1)):
        hole = s.points[inner] * 0.75 + s.points[wing] * 0.25 - (0, 0.02 * s.unit)
        fill(s.image, ellipse((hole[0], hole[1]), (0.055 * s.unit, 0.03 * s.unit), s.camera.roll),
             shade(skin, 0.25))  # fmt: skip
        x, y, z = s.face.features[wing]
        bow = [(x, y, z), (x * 1.2, y - 0.06, z - 0.02), (x * 1.1, y - 0.17, z + 0.02)]
        if s.near(side) or side * s.camera.rotation[0, 2] < 0.25:
            line(s.image, curve(s.flat(bow)), dark, 0.03 * s.unit)
    tip = s.points[30] * 0.8 + s.points[33] * 0.1 + s.points[[2, 14]].mean(axis=0) * 0.1
    shine = ellipse((tip[0], tip[1]), (0.06 * s.unit, 0.05 * s.unit))
    glaze(s.image, shine, (255, 252, 245), 0.45 * (1 - s.light.ambient) + 0.15, blur=0.02 * s.unit)
    glaze(s.image, curve(s.points[27:31]), (255, 250, 240), 0.2, blur=0.025 * s.unit,
          thickness=max(1, round(0.05 * s.unit)), closed=False)  # fmt: skip


def mouth(s: Sitting) -> None:
    p = s.points
    lips = s.lit(s.look.lips, (0.0, 0.1, 0.9))
    top, bottom = curve(p[48:55]), curve(p[[54, 55, 56, 57, 58, 59, 48]])
    inner_top, inner_bottom = curve(p[60:65]), curve(p[[64, 65, 66, 67, 60]])
    below = bottom + np.array([0, 0.06]) * s.unit
    glaze(s.image, below, shade(s.look.skin, 0.4), 0.35, blur=0.04 * s.unit)
    fill(s.image, np.vstack([top, bottom[1:-1]]), lips)
    fill(s.image, np.vstack([top, inner_top[::-1]]), shade(lips, 0.82))
    gap = np.vstack([inner_top, inner_bottom[1:-1]])
    fill(s.image, gap, (52, 16, 18))
    opened = float(np.linalg.norm(p[66] - p[62])) / s.unit
    if opened > 0.07:
        reach = min(0.5, 0.07 / opened)
        teeth = inner_top[2:-2] * (1 - reach) + inner_bottom[::-1][2:-2] * reach
        fill(s.image, np.vstack([inner_top[2:-2], teeth[::-1]]), shade((245, 240, 230), 0.85))
    if opened > 0.18:
        tongue = inner_bottom[4:-4] * 0.65 + inner_top[::-1][4:-4] * 0.35
        glaze(s.image, np.vstack([inner_bottom[4:-4], tongue[::-1]]), (190, 80, 85), 0.8)
    line(s.image, gap, shade(lips, 0.45), 0.018 * s.unit, closed=True)
    shine = (p[57] + p[66]) / 2
    glaze(s.image, ellipse((shine[0], shine[1]), (0.10 * s.unit, 0.025 * s.unit), s.camera.roll),
          (255, 235, 230), 0.3, blur=0.015 * s.unit)  # fmt: skip


@lru_cache
def _lens() -> Array:
    """One lens: a rounded rectangle (a superellipse), half width 0.33, half height 0.24."""
    circle = unit_circle(28)
    shape = np.sign(circle) * np.abs(circle) ** 0.7
    return np.asarray(shape * (0.33, 0.24), np.float64)


def glasses(s: Sitting) -> None:
    width, dark = 0.045 * s.unit, (32.0, 28.0, 30.0)
    front = float(s.face.surface(np.array(0.0), np.array(0.0))[2]) + 0.03
    for side in (-1, 1):
        eye = s.face.features[36:42] if side < 0 else s.face.features[42:48]
        middle = eye.mean(axis=0)
        flat = _lens() + middle[:2] + np.array([0, 0.03])
        lens = np.column_stack([flat, np.full(len(flat), front)])
        lens[:, 2] -= 0.35 * np.clip(np.abs(lens[:, 0]) - 0.3, 0, None)
        rim = s.flat(lens)
        glaze(s.image, rim, (20, 20, 26) if s.look.dark_glasses else (205, 225, 240),
              0.86 if s.look.dark_glasses else 0.12)  # fmt: skip
        line(s.image, rim, dark, width, closed=True)
        hinge = lens[0 if side > 0 else 14]
        if s.near(side):
            line(s.image, s.flat([tuple(hinge), (side * 1.04, 0.0, -0.75)]), dark, width)
    bridge = [(-0.12, 0.0, front + 0.02), (0.0, -0.04, front + 0.06), (0.12, 0.0, front + 0.02)]
    line(s.image, curve(s.flat(bridge)), dark, width)
