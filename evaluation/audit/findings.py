"""What an audit found: one fact each, with how bad it is and how often it was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLASSES = ("leak", "duplicate", "label", "file")
SEVERITIES = ("error", "warning", "note")
"""An error spoils every result, under its protocol where it names one; a warning calls for a check
by eye; a note is worth knowing."""

EXAMPLES = 5
"""Most examples of a finding."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found. Its fields are those of the JSON, where ``kind`` is ``class``."""

    id: str
    """Name of the check that it comes from, such as ``shared_people``."""
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
    """Label of the protocol that it concerns; None: the data set under any."""
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
    """``1 frame``, ``2 frames``; ``many`` for a plural that is not made with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
