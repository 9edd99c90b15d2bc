"""Findings of an audit: each states one fact, how serious it is and how often it occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLASSES = ("leak", "duplicate", "label", "file")
SEVERITIES = ("error", "warning", "note")
"""An error makes every result invalid, or every result of its protocol, if it names one. A warning
should be checked by eye. A note is worth knowing."""

EXAMPLES = 5
"""A finding has at most this many examples."""


@dataclass(frozen=True)
class Finding:
    """One finding. The JSON has the same fields; there ``kind`` is called ``class``."""

    id: str
    """Name of the check, such as ``shared_people``."""
    kind: str
    """One of CLASSES."""
    severity: str
    """One of SEVERITIES."""
    count: int
    unit: str
    """What ``count`` counts: ``people``, ``pairs``, ``faces``."""
    sentence: str
    """What was found, for a reader who has never seen the check."""
    examples: tuple[str, ...] = ()
    protocol: str | None = None
    """Label of the protocol that it concerns; None if it concerns the data set as such."""
    fold: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Numbers behind the sentence, ready for JSON."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "class": self.kind,
            "severity": self.severity,
            "protocol": self.protocol,
            "fold": self.fold,
            "count": self.count,
            "unit": self.unit,
            "sentence": self.sentence,
            "examples": list(self.examples),
            "figures": dict(self.figures),
        }


def counted(count: int, one: str, many: str = "") -> str:
    """``1 frame``, ``2 frames``; ``many`` is a plural that is not formed with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
