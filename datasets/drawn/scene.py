"""Random people, videos and frames for drawn faces: who, where, in which light, doing what."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from .drawing import draw_face
from .model import Array, Camera, DrawnFace, Expression, Shape, build_face, landmarks, pose
from .paint import GRID, Colour, Image, mix
from .sitting import Light, Look
from .surroundings import any_colour, background, grain, occlude

_SKINS: tuple[Colour, ...] = (
    (250, 218, 198),
    (238, 194, 166),
    (222, 170, 134),
    (190, 136, 98),
    (142, 94, 66),
    (100, 66, 48),
)
_HAIRS: tuple[Colour, ...] = (
    (28, 22, 22),
    (62, 40, 28),
    (104, 68, 42),
    (150, 104, 62),
    (214, 176, 112),
    (150, 66, 34),
    (170, 168, 166),
)
_EYES: tuple[Colour, ...] = ((82, 52, 32), (116, 80, 44), (92, 112, 70), (86, 126, 160))


@dataclass(frozen=True)
class Person:
    shape: Shape
    look: Look


@dataclass(frozen=True)
class DrawnVideo:
    """The properties that are the same in all frames of a video, and how the face moves in it."""

    key: tuple[int, ...]
    width: int
    height: int
    share: float
    """How much of the frame the points' box fills."""
    light: Light
    gain: tuple[float, float, float]
    """Factors of red, green and blue."""
    gamma: float
    noise: float
    """Standard deviation, grey levels."""
    blur: float
    """Sigma, pixels."""
    occluder: str
    rest: Array
    """(M,): where each motion rests; see ``_MOTIONS``."""
    swing: Array
    """(M, 2): how far it swings, in two frequencies."""
    pace: Array
    """(M, 2): radians per frame."""
    phase: Array
    """(M, 2)."""

    def motion(self, time: float) -> dict[str, float]:
        """The value of each motion at a time in frames; it changes smoothly."""
        waves = (self.swing * np.sin(self.pace * time + self.phase)).sum(axis=1)
        return dict(zip(_MOTIONS, (self.rest + waves).tolist(), strict=True))


# name: (spread of where it rests, spread of how far it swings)
_MOTIONS = {
    "yaw": (18.0, 9.0),
    "pitch": (7.0, 4.0),
    "roll": (6.0, 4.0),
    "open": (0.22, 0.25),
    "smile": (0.45, 0.25),
    "brows": (0.3, 0.3),
    "blink": (0.12, 0.25),
    "gaze_x": (0.10, 0.10),
    "gaze_y": (0.04, 0.04),
    "x": (0.24, 0.08),
    "y": (0.22, 0.08),
    "share": (0.0, 0.02),
}


@dataclass(frozen=True)
class Scene:
    """One frame, ready to be drawn."""

    person: Person
    video: DrawnVideo
    frame: int
    time: float
    """Time in the video's motion: the frame's number times the data set's pace."""
    face: DrawnFace
    camera: Camera


@lru_cache(maxsize=64)
def _person(seed: int, person: int) -> Person:
    rng = np.random.default_rng([seed, person])
    names = [field.name for field in fields(Shape)]
    deviations = np.clip(rng.normal(size=len(names)), -2, 2).tolist()
    skin = _between(rng, _SKINS)
    hair = mix(_HAIRS[rng.integers(len(_HAIRS))], _between(rng, _HAIRS), 0.3)
    red = mix((176, 72, 78), (150, 88, 76), float(rng.random()))
    style = str(rng.choice(["short", "short", "long", "long", "bald"]))
    beard = float(rng.choice([0, 0, 0.35, 1])) * float(rng.uniform(0.5, 1))
    look = Look(
        skin=skin,
        hair=hair,
        iris=_EYES[rng.integers(len(_EYES))],
        lips=mix(skin, red, float(rng.uniform(0.45, 0.95))),
        cloth=any_colour(rng),
        hair_style=style,
        hairline=float(rng.uniform(0.78, 1.12)) if style != "bald" else 1.3,
        fringe=float(rng.choice([0, 0, 1]) * rng.uniform(0.2, 0.75)),
        brow_width=float(rng.uniform(0.06, 0.12)),
        beard=beard if style != "long" else 0.0,
        glasses=bool(rng.random() < 0.2),
        dark_glasses=bool(rng.random() < 0.12),
    )
    return Person(Shape(**dict(zip(names, deviations, strict=True))), look)


@lru_cache(maxsize=64)
def _video(seed: int, person: int, video: int, size: int | None) -> DrawnVideo:
    rng = np.random.default_rng([seed, person, video, 1])
    longer = float(np.exp(rng.uniform(np.log(90), np.log(260))))
    aspect = float(np.clip(np.exp(rng.normal(0, 0.16)), 0.65, 1.5))
    longer = float(size) if size is not None else longer
    width, height = longer * min(1.0, aspect), longer * min(1.0, 1 / aspect)
    side = np.array([rng.normal(0, 0.6), rng.normal(-0.45, 0.3), 0.8])
    towards = side / np.linalg.norm(side)
    exposure = float(np.exp(rng.normal(0, 0.16)))
    cast = np.exp(rng.normal(0, 0.04, 3)) * exposure
    spread = np.array(list(_MOTIONS.values()))
    return DrawnVideo(
        key=(seed, person, video),
        width=round(width),
        height=round(height),
        share=float(rng.uniform(0.47, 0.68)),
        light=Light((towards[0], towards[1], towards[2]), float(rng.uniform(0.35, 0.75))),
        gain=(float(cast[0]), float(cast[1]), float(cast[2])),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        noise=float(rng.choice([0, 2, 4, 8]) * rng.uniform(0.5, 1)),
        blur=float(rng.choice([0, 0, 0.6, 1.0]) * longer / 200),
        occluder=str(rng.choice(["hand", "bar", "ball"])) if rng.random() < 0.15 else "",
        rest=np.clip(rng.normal(size=len(spread)), -2, 2) * spread[:, 0],
        swing=np.abs(rng.normal(size=(len(spread), 2))) * spread[:, 1:] * (0.7, 0.4),
        pace=rng.uniform((0.3, 0.8), (0.9, 2.0), (len(spread), 2)),
        phase=rng.uniform(0, 2 * np.pi, (len(spread), 2)),
    )


def frame_scene(
    seed: int,
    person: int,
    video: int,
    frame: int,
    size: int | None = None,
    pace: float = 1.0,
) -> Scene:
    """The scene of one frame. ``size``: its longer side in pixels; None: the video's own.
    ``pace``: how far the video moves from one frame to the next; at 1 all frames differ clearly."""
    sitter, film = _person(seed, person), _video(seed, person, video, size)
    time = frame * pace
    motion = film.motion(time)
    expression = Expression(
        open=min(max(motion["open"], 0.0), 1.0),
        smile=min(max(motion["smile"] + 0.25, -0.5), 1.0),
        brows=min(max(motion["brows"], -1.0), 1.0),
        blink=min(max(motion["blink"], 0.0), 1.0),
        gaze=(min(max(motion["gaze_x"], -0.3), 0.3), motion["gaze_y"]),
    )
    face = build_face(sitter.shape, expression)
    yaw, pitch = min(max(motion["yaw"], -45.0), 45.0), min(max(motion["pitch"], -18.0), 18.0)
    camera = pose(yaw, pitch, motion["roll"], distance=6.0)
    return Scene(sitter, film, frame, time, face, _framed(film, face, camera, motion))


def _framed(film: DrawnVideo, face: DrawnFace, camera: Camera, motion: dict[str, float]) -> Camera:
    """The camera placed so that the face is off-centre, but with every point inside the frame."""
    points = landmarks(face, camera)
    low, high = points.min(axis=0), points.max(axis=0)
    frame = np.array([film.width, film.height], np.float64)
    share = min(max(film.share + motion["share"], 0.45), 0.70)
    # the box's side that fills most of its side of the frame fills `share` of it
    scale = share * float((frame / (high - low)).min())
    slack = (frame - scale * (high - low)) / 2
    # a little below the middle: the box has no forehead, the head has
    offset = np.clip(np.array([motion["x"], motion["y"] + 0.15]), -0.8, 0.8)
    x, y = (frame - 1) / 2 + offset * slack - scale * (low + high) / 2
    return replace(camera, scale=scale, centre=(float(x), float(y)))


def scene_points(scene: Scene) -> Array:
    """The 68 points (68, 2) in source pixels, on the grid that the drawing uses."""
    return np.round(landmarks(scene.face, scene.camera) * GRID) / GRID


def scene_box(points: Array) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 about the face: the points' box and, above the brows, the forehead."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0 - 0.25 * (y1 - y0)), float(x1), float(y1)


def draw_scene(scene: Scene) -> Image:
    """The frame's picture: uint8 (H, W, 3) RGB."""
    film = scene.video
    image = background(film.key, film.width, film.height).copy()
    draw_face(image, scene.face, scene.camera, scene.person.look, film.light)
    if film.occluder:
        drift = 0.06 * np.sin(0.8 * scene.time + np.array([0.0, 1.3])) * scene.camera.scale
        rng = np.random.default_rng([*film.key, 4])
        skin = scene.person.look.skin
        occlude(image, film.occluder, scene_points(scene), scene.camera.scale, skin, drift, rng)
    if film.blur > 0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), film.blur), np.uint8)
    image = np.asarray(cv2.LUT(image, _tones(film.gain, film.gamma)), np.uint8)
    if film.noise > 0:
        image = grain(image, film.noise, np.random.default_rng([*film.key, scene.frame, 3]))
    return image


@lru_cache(maxsize=64)
def _tones(gain: tuple[float, float, float], gamma: float) -> Image:
    """Exposure, colour cast and contrast as one table, (1, 256, 3)."""
    grey = (np.arange(256) / 255) ** gamma
    table = grey[None, :, None] * np.array(gain) * 255
    return np.asarray(np.clip(table, 0, 255), np.uint8)


def _between(rng: Generator, palette: tuple[Colour, ...]) -> Colour:
    """A colour between two neighbours of a palette, a little off."""
    at = float(rng.uniform(0, len(palette) - 1))
    k = min(int(at), len(palette) - 2)
    r, g, b = mix(palette[k], palette[k + 1], at - k)
    dr, dg, db = rng.normal(0, 5, 3).tolist()
    return min(max(r + dr, 0), 255), min(max(g + dg, 0), 255), min(max(b + db, 0), 255)
