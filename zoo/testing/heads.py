"""The list of checks for a head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.subject import Subject


def options_are_keyword_only(subject: Subject) -> None:
    """Every option goes by name, and has a default."""
    require_keyword_only(
        subject.plugin.build,
        (
            "features",
            "scheme",
            "input_size",
        ),
    )


SUBJECT = Subject
CHECKS: tuple[Callable[[Any], None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
)
