"""A head on a background: the picture that the points of ``model.landmarks`` belong to.

Painted back to front: shoulders, hair, neck, skull, ears, the lit skin of the 3-D head, then eyes,
brows, nose and mouth along smooth curves that go through the 68 points.
"""

from __future__ import annotations

import cv2
import numpy as np

from .features import beard, brows, eye, glasses, mouth, nose
from .model import Array, Camera, DrawnFace, contour_angles, landmarks
from .paint import (
    GRID,
    SHIFT,
    Image,
    blend,
    curve,
    fill,
    fixed,
    glaze,
    line,
    mix,
    shade,
    unit_circle,
)
from .sitting import Light, Look, Sitting


def draw_face(image: Image, face: DrawnFace, camera: Camera, look: Look, light: Light) -> None:
    """Paint a head, neck and shoulders over ``image`` (uint8 (H, W, 3) RGB), in place."""
    left, right = contour_angles(face, camera)
    points = np.round(landmarks(face, camera) * GRID) / GRID
    scene = Sitting(image, face, camera, look, light, points, float(left[4]), float(right[4]))
    _body(scene)
    for side in (-1, 1):
        if not scene.near(side):
            _locks(scene, side)
    _skull(scene)
    for side in (-1, 1):
        if scene.near(side):
            _ear(scene, side)
    _skin(scene)
    beard(scene)
    for corner in (36, 42):
        eye(scene, corner)
    brows(scene)
    nose(scene)
    mouth(scene)
    _crown(scene)
    for side in (-1, 1):
        if scene.near(side):
            _locks(scene, side)
    if look.glasses:
        glasses(scene)


def _body(s: Sitting) -> None:
    """Shoulders stay upright while the head turns on the neck."""
    anchor = s.flat([(0.0, 1.35, -0.75)])[0]
    if s.look.hair_style == "long":
        back = [(x, y, -0.8) for x, y in ((-1.1, -0.4), (-1.28, 0.9), (-1.2, 2.1))]
        back += [(-x, y, z) for x, y, z in reversed(back)]
        fill(s.image, curve(s.flat(back)), shade(s.look.hair, 0.55))
    half = np.array([(0.5, 0.45), (0.62, 0.85), (1.3, 1.1), (1.95, 1.45), (2.15, 3.2)])
    outline = np.vstack([half * (-1, 1), half[::-1]]) * s.unit + anchor
    fill(s.image, outline, s.look.cloth)
    collar = np.array([(-0.62, 0.82), (-0.3, 1.1), (0, 1.22), (0.3, 1.1), (0.62, 0.82)])
    collar_line = curve(collar * s.unit + anchor)
    jaw = s.flat([(0.60, 0.75, -0.75), (-0.60, 0.75, -0.75)])
    fill(s.image, np.vstack([collar_line, jaw]), s.lit(s.look.skin, (0.0, 0.3, 0.62)))
    line(s.image, collar_line, shade(s.look.cloth, 0.7), 0.05 * s.unit)
    # the head's shadow on the neck
    shadow = s.points[2:15] + np.array([0, 0.10]) * s.unit
    glaze(s.image, shadow, (25, 12, 10), 0.5, blur=0.06 * s.unit)


def _ellipsoid(s: Sitting, centre: tuple[float, float, float], radii: Array) -> Array:
    """The outline of an ellipsoid, seen from far enough: an ellipse."""
    cos, sin = np.cos(s.camera.roll), np.sin(s.camera.roll)
    axes = np.array([[cos, -sin], [sin, cos]]) @ s.camera.rotation[:2] * radii
    spread = np.linalg.cholesky(axes @ axes.T) * s.unit
    return np.asarray(unit_circle(48) @ spread.T + s.flat([centre])[0], np.float64)


def _skull(s: Sitting) -> None:
    bald = s.look.hair_style == "bald"
    colour = s.lit(s.look.skin, (0.0, -0.5, 0.7)) if bald else s.look.hair
    grow = 0.0 if bald else 0.10
    radii = np.array([1.0, 1.06, 0.92]) + grow
    outline = _ellipsoid(s, (0.0, -0.42, -0.70), radii)
    fill(s.image, outline, colour)


def _ear(s: Sitting, side: int) -> None:
    rim = unit_circle(24) * (0.20, 0.33)
    # the ear stands off the head: its rear edge is further out than its front
    outline = np.column_stack([1.02 + 0.09 - 0.35 * rim[:, 0], rim[:, 1] + 0.22, rim[:, 0] - 0.82])
    outline[:, 0] *= side
    colour = s.lit(s.look.skin, (side * 0.6, 0.0, 0.7))
    fill(s.image, s.flat(outline), colour)
    inner = (outline - outline.mean(axis=0)) * 0.55 + outline.mean(axis=0)
    glaze(s.image, s.flat(inner), shade(colour, 0.6), 0.8, blur=0.02 * s.unit)


def _hairline(s: Sitting, low: float = 0.0) -> Array:
    """The forehead's upper edge from right to left, ``low`` of the way down to the brows."""
    theta = np.linspace(s.right, s.left, 17)
    top = -s.look.hairline + low * (s.look.hairline - 0.45)
    y = -0.30 + (top + 0.30) * np.sqrt(np.clip(np.cos(theta), 0, 1))
    return s.flat(s.face.surface(theta, y))


def _skin(s: Sitting) -> None:
    """The lit head inside its outline: jaw, temples, hairline, and the nose where it stands out."""
    outline = np.vstack([curve(s.points[:17]), _hairline(s)])
    ridge = s.flat(_nose_profile(s.face))
    both = np.vstack([outline, ridge])
    height, width = s.image.shape[:2]
    x0, y0 = np.maximum(np.floor(both.min(axis=0)) - 2, 0).astype(int)
    x1, y1 = np.minimum(np.ceil(both.max(axis=0)) + 3, (width, height)).astype(int)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    origin = np.array([x0, y0])
    cv2.fillPoly(mask, [fixed(outline - origin)], 255.0, cv2.LINE_AA, SHIFT)
    hull = cv2.convexHull(fixed(ridge - origin))
    cv2.fillPoly(mask, [hull], 255.0, cv2.LINE_AA, SHIFT)
    skin = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
    skin[:] = s.lit(s.look.skin, (0.0, 0.0, 0.8))
    _facets(s, skin, origin)
    soft = np.asarray(cv2.GaussianBlur(skin, (0, 0), max(0.045 * s.unit, 0.6)), np.uint8)
    blend(s.image[y0:y1, x0:x1], soft, mask)
    line(s.image, curve(s.points[:17]), shade(s.lit(s.look.skin, (0, 0, 0.8)), 0.62),
         0.022 * s.unit)  # fmt: skip


def _nose_profile(face: DrawnFace) -> Array:
    """The ridge and the wings of the nose, which may stand out over the far cheek."""
    top, base = face.features[27, 1], face.features[33, 1]
    y = np.concatenate([np.linspace(top, base, 12), face.features[[31, 35, 29, 29], 1]])
    theta = np.zeros(16)
    theta[12:] = -0.18, 0.18, -0.12, 0.12
    return face.surface(theta, y)


# finer where the nose is
_ACROSS, _DOWN = np.linspace(-1, 1, 18), np.linspace(0, 1, 19)


def _facets(s: Sitting, canvas: Image, origin: Array) -> None:
    """The head's surface as flat facets lit from one side (Lambert), far ones first."""
    theta = _ACROSS**3 * 0.5 + _ACROSS * 0.5
    heights = np.interp(_DOWN, np.linspace(0, 1, len(s.face.rows)),
                        s.face.rows[:, 0])  # fmt: skip
    grid = s.face.surface(theta * (np.pi / 2), heights[:, None])
    turned = s.camera.turn(grid)
    across = turned[1:, 1:] - turned[:-1, :-1]
    down = turned[1:, :-1] - turned[:-1, 1:]
    normal = np.cross(across, down)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    front = normal[..., 2] > 0
    facing = np.clip(normal @ np.array(s.light.direction), 0, 1)
    ambient = s.light.ambient
    # cheeks are redder
    middle = (grid[1:, 1:] + grid[:-1, :-1]) / 2
    from_cheek = (np.abs(middle[..., 0]) - 0.5) ** 2 + (middle[..., 1] - 0.5) ** 2
    warm = np.exp(-16 * from_cheek)
    tint = 1 - warm[..., None] * np.array([0.0, 0.12, 0.10])
    light = ambient + (1 - ambient) * facing + 0.25 * facing**12
    colours = np.clip(np.array(s.look.skin) * tint * light[..., None], 0, 255)
    flat = fixed(s.camera.project(grid) - origin)
    quads = np.stack([flat[:-1, :-1], flat[:-1, 1:], flat[1:, 1:], flat[1:, :-1]], axis=2)
    depth = turned[1:, 1:, 2] + turned[:-1, :-1, 2]
    order = np.argsort(depth[front])
    for quad, colour in zip(quads[front][order], colours[front][order].tolist(), strict=True):
        cv2.fillConvexPoly(canvas, quad, colour, cv2.LINE_8, SHIFT)


def _crown(s: Sitting) -> None:
    """The fringe, strands and the shine of the hair above the forehead."""
    if s.look.hair_style == "bald":
        return
    top, low = _hairline(s), _hairline(s, s.look.fringe)
    fill(s.image, np.vstack([low, top[::-1] - (0, 0.06 * s.unit)]), s.look.hair)
    crown = s.flat([(0.0, -1.35, -0.6)])[0]
    for k in range(4, 13, 2):
        strand = np.vstack([crown + (top[k] - crown) * 0.35, low[k]])
        line(s.image, strand, shade(s.look.hair, 0.75), 0.018 * s.unit)
    band = curve((top[[3, 6, 8, 10, 13]] + crown) / 2)
    glaze(s.image, band, mix(s.look.hair, (255, 250, 240), 0.5), 0.4, blur=0.05 * s.unit,
          thickness=max(1, round(0.08 * s.unit)), closed=False)  # fmt: skip


def _locks(s: Sitting, side: int) -> None:
    """Long hair beside the face, outside the jaw."""
    if s.look.hair_style != "long":
        return
    outer = [(1.02, -0.75, -0.6), (1.2, 0.0, -0.7), (1.3, 0.9, -0.7), (1.22, 1.9, -0.6)]
    inner = [(0.95, 1.85, -0.6), (1.02, 0.9, -0.66), (1.0, 0.1, -0.68), (0.90, -0.6, -0.6)]
    outline = np.vstack([curve(s.flat(np.array(part) * (side, 1, 1))) for part in (outer, inner)])
    fill(s.image, outline, shade(s.look.hair, 0.9))
    strand = s.flat(np.array([(1.04, -0.4, -0.6), (1.12, 0.5, -0.66), (1.1, 1.7, -0.6)])
                    * (side, 1, 1))  # fmt: skip
    line(s.image, curve(strand), shade(s.look.hair, 0.65), 0.025 * s.unit)
