"""One line of what `zoo doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "missing", "broken"]
"""``missing``: something optional is not there. ``broken``: something needed is not, or does not
work. ``warn``: it works, and not as it should."""


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, how it is, and what to type next where it is not well."""

    name: str
    status: Status
    what: str
    next: str = ""
