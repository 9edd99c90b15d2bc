"""A run's configuration: what it may say, within which bounds, and where its values come from.

:mod:`zoo.config.config` is the typed object, :mod:`zoo.config.augment` its part about augmentation;
:mod:`zoo.config.flat` reads it from flat keys, and :mod:`zoo.config.recipes` recipes, ``--set`` and
flags.
"""

from .augment import Augment
from .config import CHOICES, PLUGIN_KINDS, Config, Plateau, later_keys
from .flat import dumps, flatten, from_dict, from_flat, known_keys, loads

__all__ = [
    "CHOICES",
    "PLUGIN_KINDS",
    "Augment",
    "Config",
    "Plateau",
    "dumps",
    "flatten",
    "from_dict",
    "from_flat",
    "known_keys",
    "later_keys",
    "loads",
]
