"""Helpers for tests of a page that is open in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

DESKTOP, PHONE = (1280, 900), (375, 740)
OFFICIAL = {"protocol": "official/1"}

Open = Callable[..., Page]


@dataclass
class PageLog:
    """The errors and requests of a page. A test removes those that it causes on purpose."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def names(page: Page) -> list[str]:
    """The names of the models, in the current order of the table."""
    return page.locator("table.main tbody th.model a").all_inner_texts()
