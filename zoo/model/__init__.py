"""The model: normalise > backbone > head, how it is built, and what it costs."""

from .building import BuiltModel, ModelPlan, build_model, declared_outputs
from .cost import count_gmacs, count_parameters, describe, rounded
from .features import probe
from .network import LandmarkModel, Output

__all__ = [
    "BuiltModel",
    "LandmarkModel",
    "ModelPlan",
    "Output",
    "build_model",
    "count_gmacs",
    "count_parameters",
    "declared_outputs",
    "describe",
    "probe",
    "rounded",
]
