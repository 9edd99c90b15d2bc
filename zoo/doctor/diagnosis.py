"""One line of what `zoo doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "missing", "broken"]
"""``missing``: something optional is not there. ``broken``: something needed is not there, or does
not work. ``warn``: it works, but not as it should."""


@dataclass(frozen=True)
class Diagnosis:
    """What was checked, its status, what was found, and what to type next if it is not ok."""

    name: str
    status: Status
    what: str
    next: str = ""
