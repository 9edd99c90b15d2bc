"""The zoo's conformance checks of each plugin, one test for each."""

import json
import tempfile
from pathlib import Path

import numpy as np
from landmark_zoo_tiny.labelme import SCHEME
from PIL import Image

from zoo.testing import parametrize_with_checks


def some_files() -> Path:
    """Two pictures of each of twenty people, in a folder for each, as LabelMe leaves them."""
    root = Path(tempfile.mkdtemp())
    places = [[30.5, 30.5], [66.5, 30.5], [48.5, 50.5], [36.5, 66.5], [60.5, 66.5]]
    for person in range(20):
        for name in ("a", "b"):
            file = root / f"person_{person:02d}" / f"{name}.json"
            file.parent.mkdir(exist_ok=True)
            shapes = [
                {"label": label, "points": [place]}
                for label, place in zip(SCHEME.names, places, strict=True)
            ]
            file.write_text(json.dumps({"shapes": shapes}))
            Image.fromarray(np.zeros((96, 96, 3), np.uint8)).save(file.with_suffix(".png"))
    return root


@parametrize_with_checks("tiny_backbone", kind="backbone")
def test_backbone(check):
    check()


@parametrize_with_checks("tiny_head", kind="head")
def test_head(check):
    check()


@parametrize_with_checks("tiny_loss", kind="loss")
def test_loss(check):
    check()


@parametrize_with_checks("tiny_dataset", kind="dataset")
def test_dataset(check):
    check()


@parametrize_with_checks("tiny_labelme", kind="dataset", data=some_files)
def test_labelme(check):
    check()


@parametrize_with_checks("tiny_detector", kind="detector")
def test_detector(check):
    check()


@parametrize_with_checks("tiny_augmentation", kind="augmentation")
def test_augmentation(check):
    check()


@parametrize_with_checks("tiny_metric", kind="metric")
def test_metric(check):
    check()


@parametrize_with_checks("tiny_tracker", kind="tracker")
def test_tracker(check):
    check()
