"""``timm:NAME``: any image model of timm, as a backbone that gives feature maps.

NAME is an architecture (``resnet18``), an architecture with a tag that selects its weights
(``resnet18.a1_in1k``), or a repository of the Hugging Face hub (``hf-hub:timm/resnet18.a1_in1k``).
A model keeps timm's names for its tensors, so a file downloaded by hand fits it.
"""

from __future__ import annotations

import fnmatch
import sys

from zoo.api import Backbone
from zoo.api.errors import close_names
from zoo.plugins.backbones import timm_names


class TimmFamily:
    """All architectures of the installed timm."""

    summary = "any image model of timm that gives feature maps, as timm:NAME"

    def names(self, pattern: str) -> list[str]:
        """Architectures that match a shell pattern; if it has a dot, tagged names as well."""
        architectures, tagged = timm_names.names()
        candidates = architectures + tagged if "." in pattern else architectures
        return sorted(set(fnmatch.filter(candidates, pattern or "*")))

    def resolve(self, name: str) -> Backbone:
        """The backbone of that name, from :func:`timm_networks.resolve`. An unknown architecture
        raises an error without an import of timm."""
        if "timm" not in sys.modules and not name.startswith(timm_names.HUB):
            architectures, _ = timm_names.names()
            if name.partition(".")[0] not in architectures:
                raise timm_names.unknown(name, close_names(name, architectures))
        from zoo.plugins.backbones import timm_networks

        return timm_networks.resolve(name)


timm_family = TimmFamily()
