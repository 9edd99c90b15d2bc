"""Outputs that a head declares beside points and scores: in pictures, files and drawings."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from untrained import make_run

from zoo.api import generic_scheme
from zoo.export.export import export_onnx
from zoo.geometry import FacePlace, Region
from zoo.prediction import Face, Predictor, load
from zoo.prediction.drawing import draw_faces
from zoo.prediction.network import Answer
from zoo.prediction.outputs import in_picture

if TYPE_CHECKING:
    from conftest import Plant

WIDE = np.float32([[0.04, 0.0], [0.0, 0.01]])
"""Standard deviations in a crop: two tenths of its width, one of its height."""


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, [[4.0, 0.0], [0.0, 1.0]]),
        (90, [[1.0, 0.0], [0.0, 4.0]]),
        # half the sum and half the difference of 4 and 1: it leans down to the right
        (45, [[2.5, 1.5], [1.5, 2.5]]),
        (-45, [[2.5, -1.5], [-1.5, 2.5]]),
    ],
)
def test_a_covariance_is_turned_and_grows_with_its_crop(
    degrees: float, expected: list[list[float]]
) -> None:
    region = Region(70, 30, 10, math.radians(degrees))
    outputs = {"covariance": WIDE[None], "depth": np.float32([0.5]), "own": np.float32([0.5])}
    found = in_picture(outputs, region)
    np.testing.assert_allclose(found["covariance"][0], expected, atol=1e-5)
    assert (found["depth"], found["own"]) == (pytest.approx(5), pytest.approx(0.5))


class Unsure(Predictor):
    """Predicts the same two points in every crop, with their covariance."""

    name, region, input_size = "unsure", "frame", 8
    scheme = generic_scheme(2)
    faces = FacePlace(0.5, 0.5, 0.5)
    outputs = {"covariance": (2, 2, 2), "depth": (2,)}  # noqa: RUF012
    sure: tuple[float, ...] = ()

    def run(self, crops: NDArray[np.uint8]) -> Answer:
        points = np.float32([[[0.25, 0.5], [0.75, 0.5]]]).repeat(len(crops), 0)
        covariance = np.broadcast_to(WIDE / 4, (len(crops), 2, 2, 2)).copy()
        depth = np.full((len(crops), 2), np.nan, np.float32)
        more = {"visibility": np.float32([self.sure])} if self.sure else {}
        return Answer(points, None, {"covariance": covariance, "depth": depth, **more})


BLACK = np.zeros((100, 100, 3), np.uint8)


def test_a_face_and_its_json_have_them() -> None:
    faces = Unsure().predict(BLACK, "none")
    assert faces[0].outputs["covariance"].shape == (2, 2, 2)
    [face] = json.loads(faces.to_json())["faces"]
    assert face["outputs"] == {"covariance": [[[100, 0], [0, 25]]] * 2, "depth": [None, None]}


def test_a_table_says_which_points_are_seen_where_the_model_does(tmp_path: Path) -> None:
    plain, with_visibility = Unsure(), Unsure()
    with_visibility.sure = (0.25, 1.0)
    assert list(plain(BLACK, "none").to_frame().columns)[-1] == "part_1_y"
    table = with_visibility(BLACK, "none").to_frame()
    assert table[["part_0_visibility", "part_1_visibility"]].values.tolist() == [[0.25, 1.0]]
    with_visibility(BLACK, "none").save(tmp_path / "faces.csv")
    assert (tmp_path / "faces.csv").read_text().endswith(",0.25,1\n")


SOURCE = """
from torch import nn

from zoo.api import Head


class Spread(nn.Module):
    def __init__(self, channels, points, spread):
        super().__init__()
        self.out = nn.Linear(channels, 2 * points)
        self.declared_outputs = {"spread": ("K", 1)} if spread else {}

    def forward(self, features):
        points = self.out(features.mean((2, 3))).sigmoid().unflatten(1, (-1, 2))
        return {"points": points, "spread": 0 * points[..., :1] + 0.25}


def build(features, scheme, input_size, *, spread=False):
    return Spread(features.channels[-1], len(scheme), spread)


head = Head(build=build, outputs={"unlike": ("K",)}, api_version=2)
"""


@pytest.mark.parametrize("spread", [True, False])
def test_a_head_may_declare_them_as_it_was_built(
    spread: bool, plant: Plant, tmp_path: Path
) -> None:
    plant("spreading", {"zoo.heads": {"spread": "head"}}, SOURCE)
    run = make_run(tmp_path / "net", head="spread", sets=[f"head.spread={str(spread).lower()}"])
    exported = export_onnx(run, tmp_path / "net.onnx").path
    for model in (load(run, "cpu"), load(exported)):
        assert model.outputs == ({"spread": (68, 1)} if spread else {})
        [face] = model.predict(BLACK, "none")
        assert {k: v.shape for k, v in face.outputs.items()} == model.outputs
        assert not spread or np.unique(face.outputs["spread"]).tolist() == [0.25]


def test_an_ellipse_of_two_standard_deviations_is_drawn_on_request() -> None:
    """10 and 5 pixels: 20 to the left and right of the point, and 10 above and below."""
    faces = Unsure().predict(BLACK, "none")
    plain, drawn = faces.drawn(), Unsure().draw(BLACK, faces, uncertainty=True)
    added = (plain != drawn).any(2)
    rows, columns = np.nonzero(added[:, :50])
    assert (rows.min(), rows.max()) == (pytest.approx(40, abs=2), pytest.approx(60, abs=2))
    assert (columns.min(), columns.max()) == (pytest.approx(5, abs=2), pytest.approx(45, abs=2))
    assert not added[50, 20]  # the ellipse is no disc


def test_an_ellipse_that_cannot_be_drawn_is_left_out() -> None:
    covariance = np.stack([np.full((2, 2), np.nan), np.eye(2) * 1e9]).astype(np.float32)
    points = np.float32([[25, 50], [75, 50]])
    face = Face((0, 0, 99, 99), 1.0, points, outputs={"covariance": covariance})
    scheme: Any = generic_scheme(2)
    without = draw_faces(BLACK, [face], scheme)
    np.testing.assert_array_equal(draw_faces(BLACK, [face], scheme, uncertainty=True), without)
