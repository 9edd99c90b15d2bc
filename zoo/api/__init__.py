"""Everything that a plugin author imports: the contracts, the landmark schemes and the errors.

These modules import only the standard library, so that `zoo list` answers at once.
"""

from .augmentations import Augmentation, AugmentedBatch
from .contracts import (
    API_VERSION,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SERVED_API_VERSIONS,
    Backbone,
    BackboneFamily,
    Dataset,
    Detector,
    ExpectedFailures,
    FeatureInfo,
    FetchProgress,
    Head,
    Loss,
    OpenDataset,
    Problem,
    Sample,
)
from .errors import DataError, PluginError, UsageError, WeightsError, ZooError
from .metrics import Metric, ScoredFace
from .notices import ZooDeprecationWarning, ZooWarning
from .schemes import IBUG68, WFLW98, LandmarkScheme, generic_scheme
from .trackers import RunTracker, TrackedRun, Tracker

__all__ = [
    "API_VERSION",
    "IBUG68",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "SERVED_API_VERSIONS",
    "WFLW98",
    "Augmentation",
    "AugmentedBatch",
    "Backbone",
    "BackboneFamily",
    "DataError",
    "Dataset",
    "Detector",
    "ExpectedFailures",
    "FeatureInfo",
    "FetchProgress",
    "Head",
    "LandmarkScheme",
    "Loss",
    "Metric",
    "OpenDataset",
    "PluginError",
    "Problem",
    "RunTracker",
    "Sample",
    "ScoredFace",
    "TrackedRun",
    "Tracker",
    "UsageError",
    "WeightsError",
    "ZooDeprecationWarning",
    "ZooError",
    "ZooWarning",
    "generic_scheme",
]
