"""What `zoo doctor` finds: whether what the zoo stands on is here and works, and what to type.

:func:`examine` imports none of the heavy libraries itself: a doctor must outlive the patient, and a
PyTorch that crashes while it is imported would take this process with it. What has to be loaded is
loaded in child processes (:mod:`zoo.doctor.probes`).
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
