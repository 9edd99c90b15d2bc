"""A real Chromium for the page, and a reader that hears of everything that goes wrong in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from reader import DESKTOP, Heard, Open

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. Without one these tests skip, and fail where CI counts on them."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    reason = "no Chromium on the PATH: the page was NOT tested in a browser (apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    # Chromium refuses to run its sandbox as root, which containers are
    sandbox = () if hasattr(os, "getuid") and os.getuid() else ("--no-sandbox",)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=[*ARGUMENTS, *sandbox], headless=True
        )
        yield started
        started.close()


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
