"""The sitter of a picture: a person's looks, the light, and the state that every stroke needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import Array, Camera, DrawnFace
from .paint import Colour, Image, shade


@dataclass(frozen=True)
class Look:
    """The appearance of a person, besides the proportions."""

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    cloth: Colour
    hair_style: str
    """bald, short, long."""
    hairline: float
    """Height of the forehead, face units."""
    fringe: float
    """How far the hair falls into the forehead, 0 to 1."""
    brow_width: float
    beard: float
    """0 shaven, 1 full."""
    glasses: bool
    dark_glasses: bool = False


@dataclass(frozen=True)
class Light:
    """Where the light comes from: a unit vector, x right, y down, z to the viewer."""

    direction: tuple[float, float, float]
    ambient: float
    """The share that comes from everywhere, 0 to 1."""


@dataclass(frozen=True)
class Sitting:
    """One head before the camera, and the image that it is painted on."""

    image: Image
    face: DrawnFace
    camera: Camera
    look: Look
    light: Light
    points: Array
    left: float
    """The outline's angle at the temples, radians."""
    right: float

    @property
    def unit(self) -> float:
        return self.camera.scale

    def near(self, side: int) -> bool:
        """Whether this side of the head (-1 left, 1 right) shows its ear."""
        return side * float(self.camera.rotation[2, 0]) > -0.28

    def flat(self, points: list[tuple[float, float, float]] | Array) -> Array:
        return self.camera.project(np.asarray(points, np.float64))

    def lit(self, colour: Colour, normal: tuple[float, float, float]) -> Colour:
        """A colour on a surface with this outward normal, which turns with the head."""
        turned = self.camera.rotation @ np.array(normal)
        facing = max(0.0, float(turned @ np.array(self.light.direction)))
        return shade(colour, self.light.ambient + (1 - self.light.ambient) * facing)
