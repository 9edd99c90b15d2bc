"""Predicting: faces and their points on pictures, by a run, a shipped model or an ONNX file.

Importing this brings in no torch; loading a run does.
"""

from ..geometry import FacePlace, face_region
from .aligned import Aligned
from .face import Face
from .faces import Faces
from .finder import DETECTOR, Finder
from .loading import is_model, load, load_default
from .pose import Pose
from .predictor import Predictor

__all__ = [
    "DETECTOR",
    "Aligned",
    "Face",
    "FacePlace",
    "Faces",
    "Finder",
    "Pose",
    "Predictor",
    "face_region",
    "is_model",
    "load",
    "load_default",
]
