"""The checks of `zoo doctor`: whether what the zoo needs is installed and works, and what to type.

:func:`examine` imports no heavy library itself, since a PyTorch that crashes while it is imported
would end this process. Child processes (:mod:`zoo.doctor.probes`) load the libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .diagnosis import Diagnosis
from .libraries import look_at_libraries
from .places import look_at_places
from .plugins import look_at_plugins

__all__ = ["Diagnosis", "examine"]

PARTS: tuple[Callable[[], Iterator[Diagnosis]], ...] = (
    look_at_libraries,
    look_at_places,
    look_at_plugins,
)


def examine() -> Iterator[Diagnosis]:
    """All findings, each as soon as it is known. Raises nothing: what fails is a finding."""
    for part in PARTS:
        yield from part()
