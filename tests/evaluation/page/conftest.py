"""A real Chromium for the page, and a reader that hears of everything that goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from reader import DESKTOP, Heard, Open


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path, heard: Heard) -> Iterator[Open]:
    """``open_page(html, size=, dark=, at=, **context)``: the page in a fresh profile.

    When the test is over, no page may have logged an error, thrown one, or asked for anything but
    its own file and the pictures inside it.
    """
    contexts = []

    def start(
        html: str,
        *,
        size: tuple[int, int] = DESKTOP,
        dark: bool = False,
        at: str = "",
        **more: Any,
    ) -> Page:
        file = tmp_path / f"board-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            **more,
        )
        contexts.append(context)
        context.on("request", lambda request: heard.requests.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: heard.errors.append(str(error)))
        page.on(
            "console",
            lambda line: heard.errors.append(line.text) if line.type != "log" else None,
        )
        page.set_default_timeout(10_000)
        page.goto(f"{file.as_uri()}{at}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert heard.errors == []
    outside = [url for url in heard.requests if not url.startswith(("file:", "data:"))]
    assert outside == []
