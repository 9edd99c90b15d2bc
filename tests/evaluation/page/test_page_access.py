"""Everybody can use the page: names for controls, contrast in both schemes, order of headings."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from page_records import board, record
from playwright.sync_api import Page
from reader import Open

from zoo.evaluation.page import to_html


@pytest.fixture(scope="module")
def html() -> str:
    external = record("dlib_68", 0, 0.07, external=True)
    lower = record("net_b", 0, 0.06, config={"recipe": "seed"}, data={"protocol": "official/1"})
    return to_html(board(record(), record("net_b"), record("net_b", 1, 0.07), external, lower))


CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
"""Returns the number of texts and lines that were measured, and those with too little contrast."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("at", ["", "#g1r0"], ids=["board", "card"])
def test_text_and_lines_have_enough_contrast(
    html: str, dark: bool, at: str, open_page: Open
) -> None:
    page = open_page(html, dark=dark, at=at)
    measured, poor = page.evaluate(CONTRAST)
    assert measured > 100
    assert poor == []


def test_poor_contrast_would_be_found(html: str, open_page: Open) -> None:
    page = open_page(html)
    page.evaluate("document.querySelector('h1').style.color = '#999'")
    assert len(page.evaluate(CONTRAST)[1]) == 1


def accessibility_tree(page: Page) -> str:
    return page.locator("body").aria_snapshot()


@pytest.mark.parametrize("at", ["", "#g1r0"], ids=["board", "card"])
def test_every_control_has_a_name(html: str, at: str, open_page: Open) -> None:
    page = open_page(html, at=at)
    roles = ("button", "link", "combobox", "checkbox", "searchbox", "group", "navigation", "dialog")
    lines = [line.strip(" -") for line in accessibility_tree(page).splitlines()]
    for role in roles:
        nameless = [x for x in lines if x.rstrip(":") == role]
        assert nameless == [], role
    assert any(line.startswith("button ") for line in lines)


def test_tables_have_headers_and_headings_their_order(html: str, open_page: Open) -> None:
    page = open_page(html, at="#g1r0")
    without_scope = page.evaluate(
        "[...document.querySelectorAll('th')].filter(e => !e.hasAttribute('scope')).length"
    )
    assert without_scope == 0
    levels = page.locator("main").evaluate(
        "main => [...main.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))"
    )
    assert all(b <= a + 1 for a, b in pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_focus_is_visible_and_reaches_every_control(html: str, open_page: Open) -> None:
    page = open_page(html)
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            "(() => { const e = document.activeElement;"
            " const all = [...document.querySelectorAll('*')];"
            " return [all.indexOf(e), getComputedStyle(e).outlineStyle]; })()"
        )
        if place in reached or page.evaluate("document.activeElement === document.body"):
            break  # every control had the focus once
        reached.add(place)
        assert outline != "none"
    controls = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('*')];"
        " return all.filter(e => e.matches('button:enabled, a[href], select, input, summary,"
        ' [tabindex="0"]\') && e.checkVisibility()).map(e => all.indexOf(e)); })()'
    )
    assert set(controls) <= reached


def test_the_dialog_keeps_the_keyboard(html: str, open_page: Open) -> None:
    page = open_page(html, at="#g1r0")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
