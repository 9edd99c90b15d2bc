"""The page in a dark theme, on small screens, in print, without scripts and with little data."""

from __future__ import annotations

import pytest
from page_records import board, record
from playwright.sync_api import Page, expect
from reader import DESKTOP, OFFICIAL, PHONE, Open, PageLog, names

from zoo.evaluation.page import to_html


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_dark_follows_the_system_and_the_button(few: str, open_page: Open) -> None:
    page = open_page(few, dark=True)
    dark = background(page)
    light = background(open_page(few))
    assert dark != light
    button = page.get_by_role("button", name="Theme")
    button.click()
    expect(button).to_have_text("Theme: light")
    assert background(page) == light
    button.click()
    assert background(page) == dark


@pytest.mark.parametrize("size", [PHONE, (320, 600), DESKTOP], ids=str)
def test_no_screen_scrolls_sideways(size: tuple[int, int], open_page: Open) -> None:
    long = "a_backbone_with_a_name_of_many_letters" * 3
    leaky = record("leaky", 0, 0.04, data=OFFICIAL)
    wide = to_html(board(record(long, 0, 0.05), record("w" * 120, 0, 0.06), leaky))
    page = open_page(wide, size=size)
    for at in ("#g1", "#g1r0", "#g1r1"):
        page.evaluate(f"location.hash = '{at}'")
        page.wait_for_selector("dialog[open]" if "r" in at else "table.main")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.locator("dialog").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    table = page.locator("table.main").evaluate("e => [e.scrollWidth, e.parentElement.scrollWidth]")
    assert table[1] >= table[0]  # a table that is too wide scrolls in its own box


def test_print_has_no_controls_no_dark_colours_and_no_cut_table(many: str, open_page: Open) -> None:
    # A4 landscape without its margins, in CSS pixels
    page = open_page(many, size=(1031, 700), dark=True)
    titles = page.locator("table.main thead button").evaluate_all(
        "all => all.map(e => e.textContent)"
    )
    page.emulate_media(media="print")
    shown = page.locator("main, header").locator("button, select, input").filter(visible=True)
    assert shown.evaluate_all("all => all.map(e => e.textContent)") == titles
    assert background(page) == "rgb(255, 255, 255)"
    assert page.evaluate("document.querySelector('table.main').scrollWidth - innerWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.emulate_media(media="screen")
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_printing_takes_more_rows_than_the_screen_shows(many: str, open_page: Open) -> None:
    page = open_page(many)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(names(page)) == 100
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert len(names(page)) == 50


def test_without_scripts_the_page_shows_the_best_rows(few: str, open_page: Open) -> None:
    page = open_page(few, java_script_enabled=False)
    expect(page.locator("main")).to_contain_text("net_b")
    expect(page.locator("main")).to_contain_text("NME %")
    expect(page.locator("main")).to_contain_text("5.00 [")
    expect(page.locator("main")).to_contain_text("baseline (mean shape)")


def test_the_page_may_not_load_anything_from_outside(
    few: str, open_page: Open, page_log: PageLog
) -> None:
    page = open_page(few)
    failures = []
    page.on("requestfailed", lambda request: failures.append((request.url, request.failure)))
    assert (
        page.evaluate("fetch('https://example.org/').then(() => 'answered', () => 'refused')")
        == "refused"
    )
    page.evaluate(
        "const image = new Image(); image.src = 'https://example.org/x.png';"
        "const script = document.createElement('script'); script.textContent = 'window.hit = 1';"
        "document.body.append(image, script)"
    )
    assert page.evaluate("window.hit") is None
    assert len(page_log.errors) >= 3
    assert all("Content Security Policy" in error or "fetch" in error for error in page_log.errors)
    page_log.errors.clear()
    # the browser reports a blocked request twice: when it starts, and when it fails
    assert failures == [(url, "csp") for url in page_log.requests if "example.org" in url]
    page_log.requests.clear()


def test_rows_without_optional_fields_say_what_they_lack(open_page: Open) -> None:
    old = record("old")
    for key in ("ced", "pose", "regions"):
        del old["results"]["val"][key]
    del old["history"]
    old["cost"] = {}
    page = open_page(to_html(board(old)), at="#g0r0")
    card = page.get_by_role("dialog")
    expect(card).to_contain_text("do not say how to train them again")
    expect(card).to_contain_text("Not measured")
    expect(card).to_contain_text("not in the record")
    page.keyboard.press("Escape")
    missing_charts = page.locator(".charts ul.lack")
    for title in ("Cumulative error", "Error by head pose", "Learning curves"):
        expect(missing_charts).to_contain_text(title)
    assert page.locator("figure.chart").count() == 1  # only the chart of error against cost

    page = open_page(to_html(board(old, record("new"))))
    lack = page.locator("figure", has_text="Cumulative error").locator(".lack")
    expect(lack).to_have_text("Not in the records of: old")


def test_faces_have_points_labels_errors_and_no_names(open_page: Open) -> None:
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
        "RU5ErkJggg=="
    )
    face = {"image": f"data:image/png;base64,{pixel}", "target": [100, 100, 900, 100, None, None]}
    shown = {
        "faces": [face],
        "contours": [[[0, 1], False], [[1, 2], False]],
        "rows": [
            {
                "row": 0,
                "worst": [{"face": 0, "error": None, "points": None}],
                "best": [{"face": 0, "error": 0.0423, "points": [110, 100, 890, 100, 500, 500]}],
            }
        ],
    }
    page = open_page(to_html(board(record()), galleries=[shown]))
    faces = page.locator(".gallery").get_by_role("img")
    titles = faces.evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    assert titles == ["1 of the worst, missed", "1 of the best, error 4.2%"]
    missed, found = faces.nth(0), faces.nth(1)
    assert missed.locator(".predicted").count() == 0
    drawn = found.locator(".predicted .contour").get_attribute("d")
    assert drawn == "M110 100L890 100M890 100L500 500"
    # a contour with a point that is not labelled is not drawn
    assert found.locator(".label .contour").get_attribute("d") == "M100 100L900 100"


def test_a_group_without_faces_says_why(open_page: Open) -> None:
    page = open_page(to_html(board(record()), galleries=[{"reason": "The data is elsewhere."}]))
    expect(page.locator(".gallery")).to_contain_text("The data is elsewhere.")
