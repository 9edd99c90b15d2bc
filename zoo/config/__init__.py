"""A run's configuration: what it may say, within which bounds, and where its values come from.

:mod:`zoo.config.config` is the typed object, :mod:`zoo.config.augment` its part about augmentation;
:mod:`zoo.config.recipes` reads recipes, ``--set`` and flags.
"""

from .augment import Augment
from .config import (
    CHOICES,
    PLUGIN_KINDS,
    Config,
    Plateau,
    close_to,
    dumps,
    flatten,
    from_dict,
    from_flat,
    known_keys,
    later_keys,
    loads,
)

__all__ = [
    "CHOICES",
    "PLUGIN_KINDS",
    "Augment",
    "Config",
    "Plateau",
    "close_to",
    "dumps",
    "flatten",
    "from_dict",
    "from_flat",
    "known_keys",
    "later_keys",
    "loads",
]
