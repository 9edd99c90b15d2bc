"""What tests and their fixtures say of a page that a browser has open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

DESKTOP, PHONE = (1280, 900), (375, 740)
OFFICIAL = {"protocol": "official/1"}

Open = Callable[..., Page]


@dataclass
class Heard:
    """What a page said and asked for; a test takes out what it provoked."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def names(page: Page) -> list[str]:
    """Of the models, as the table has them now."""
    return page.locator("table.main tbody th.model a").all_inner_texts()
