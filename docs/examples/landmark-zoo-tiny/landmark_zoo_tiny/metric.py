"""tiny_metric: how far off a face's worst point is."""

import numpy as np

from zoo.api import Metric, ScoredFace


def measure(face: ScoredFace) -> float:
    """The largest distance of a labelled point, divided by the length that NME is divided by."""
    distance = np.linalg.norm(face.points - face.target, axis=1)
    return float(distance[face.visible].max() / face.length)


plugin = Metric(
    measure=measure,
    title="worst point",
    unit="%",
    summary="the error of a face's worst point",
    api_version=2,
)
