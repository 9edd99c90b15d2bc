"""All that a plugin author imports: the contracts, the landmark schemes and the errors.

Nothing here imports more than the standard library: `zoo list` answers at once.
"""

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
from .notices import ZooDeprecationWarning, ZooWarning
from .schemes import IBUG68, WFLW98, LandmarkScheme, generic_scheme

__all__ = [
    "API_VERSION",
    "IBUG68",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "SERVED_API_VERSIONS",
    "WFLW98",
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
    "OpenDataset",
    "PluginError",
    "Problem",
    "Sample",
    "UsageError",
    "WeightsError",
    "ZooDeprecationWarning",
    "ZooError",
    "ZooWarning",
    "generic_scheme",
]
