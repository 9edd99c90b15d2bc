"""The registry: it lists the installed plugins, and loads the one that is asked for.

Plugins announce themselves through Python entry points, in one group a kind. Listing reads their
metadata and imports none of them; asking for one imports that one. An id is ``custom_cnn``,
``timm:convnext_tiny`` where one entry point answers for a family, and ``landmark-zoo/custom_cnn``
where the distribution matters: that qualified form is what a run stores.
"""

from zoo.registry.entries import GROUPS, Entry, bare_id, canonical_kind, installed
from zoo.registry.lookup import (
    Registry,
    Resolved,
    author_of,
    blaming,
    exits_are_faults,
    kind_of,
    registry,
)

__all__ = [
    "GROUPS",
    "Entry",
    "Registry",
    "Resolved",
    "author_of",
    "bare_id",
    "blaming",
    "canonical_kind",
    "exits_are_faults",
    "installed",
    "kind_of",
    "registry",
]
