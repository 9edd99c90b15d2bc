"""The page in a browser: sorted, filtered, opened, by mouse and by keyboard, on any screen."""

from __future__ import annotations

import re

import pytest
from page_records import board, record, varied
from playwright.sync_api import Page, expect
from reader import DESKTOP, PHONE, Heard, Open

from zoo.evaluation.page import to_html

OFFICIAL = {"protocol": "official/1"}


@pytest.fixture(scope="module")
def few() -> str:
    """Three models in one group, and another group. Their order by NME: b, a, c; by GMACs: a, c,
    b; c has no GMACs."""
    records = [
        record("net_a", 0, 0.06, gmacs=0.1),
        record("net_b", 0, 0.05, gmacs=1.0, config={"recipe": "seed"}),
        record("net_c", 0, 0.09, model={"parameters": 5_000_000, "gmacs": None}),
        record("leaky", 0, 0.04, data=OFFICIAL),
    ]
    return to_html(board(*records), command=lambda r: f"zoo train {r['plugin']['id']}")


@pytest.fixture(scope="module")
def many() -> str:
    return to_html(board(*varied(300)))


def names(page: Page) -> list[str]:
    return page.locator("table.main tbody th.model a").all_inner_texts()


def header(page: Page, title: str):
    return page.locator("table.main thead").get_by_role("button", name=title, exact=True)


def direction(page: Page, title: str) -> str | None:
    return header(page, title).locator("..").get_attribute("aria-sort")


def test_the_best_row_comes_first_and_the_floor_last(few: str, open_page: Open) -> None:
    page = open_page(few)
    assert names(page) == ["net_b", "net_a", "net_c"]
    assert direction(page, "NME") == "ascending"
    floor = page.locator("table.main tfoot")
    expect(floor).to_contain_text("28.30%")


def test_the_order_of_the_command_is_the_first_order(open_page: Open) -> None:
    records = [record("a", 0, 0.05), record("b", 0, 0.06), record("c", 0, 0.04)]
    page = open_page(to_html(board(*records, sort="auc_08"), sort="auc_08"))
    assert names(page) == ["c", "a", "b"]
    assert direction(page, "AUC") == "descending"


def test_a_group_without_a_ranked_row_says_why(open_page: Open) -> None:
    fold = record("folded", data={"protocol": "person-5fold/1", "fold": 0})
    page = open_page(to_html(board(fold)))
    expect(page.locator(".heading")).to_contain_text("lacks fold 1, 2, 3, 4")
    assert names(page) == []
    expect(page.locator("table.main tfoot")).to_contain_text("28.30%")


def test_without_eye_corners_the_box_is_the_headline(open_page: Open) -> None:
    records = [record("a", 0, 0.05), record("b", 0, 0.04)]
    for each in records:
        results = each["results"]["val"]
        results |= dict.fromkeys(("nme_ioc", "nme_ioc_low", "nme_ioc_high"))
        results["floor"] = {"nme_box": 0.2}
        del results["pose"]
    page = open_page(to_html(board(*records)))
    assert names(page) == ["b", "a"]
    assert direction(page, "NME box") == "ascending"
    expect(page.locator("table.main tfoot")).to_contain_text("20.00%")
    expect(page.locator("figure.chart").first).to_contain_text("of the face box")


def test_a_press_on_a_header_sorts_and_another_turns_round(few: str, open_page: Open) -> None:
    page = open_page(few)
    header(page, "GMACs").click()
    assert names(page) == ["net_a", "net_b", "net_c"]  # what is missing comes last
    assert (direction(page, "GMACs"), direction(page, "NME")) == ("ascending", None)
    header(page, "GMACs").click()
    assert names(page) == ["net_b", "net_a", "net_c"]
    assert direction(page, "GMACs") == "descending"
    header(page, "model").click()
    assert names(page) == ["net_a", "net_b", "net_c"]
    header(page, "AUC").click()  # the best on top: higher is better
    assert names(page) == ["net_b", "net_a", "net_c"]
    assert direction(page, "AUC") == "descending"


def test_headers_sort_by_keyboard_and_keep_the_focus(few: str, open_page: Open) -> None:
    page = open_page(few)
    header(page, "model").focus()
    page.keyboard.press("Enter")
    assert names(page) == ["net_a", "net_b", "net_c"]
    assert page.evaluate("document.activeElement.dataset.sort") == "name"
    page.keyboard.press("Space")
    assert names(page) == ["net_c", "net_b", "net_a"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.sort") == "nme_ioc"
    page.keyboard.press("Enter")
    assert names(page) == ["net_b", "net_a", "net_c"]


def test_filters_keep_what_they_name(few: str, open_page: Open) -> None:
    page = open_page(few)
    status = page.locator(".rows .status")
    page.get_by_label("Filter").fill("NET_A")
    expect(status).to_have_text("1 of 3 rows")
    assert names(page) == ["net_a"]
    page.get_by_label("Filter").fill("")
    expect(status).to_have_text("3 rows")
    page.get_by_role("combobox", name="recipe").select_option("seed")
    assert names(page) == ["net_b"]
    page.get_by_role("combobox", name="recipe").select_option("any")
    page.get_by_label("On the Pareto front").check()
    assert names(page) == ["net_b", "net_a"]
    page.get_by_label("Filter").fill("nobody")
    expect(status).to_have_text("0 of 3 rows")
    assert names(page) == []


def test_marks_say_which_rows_are_best_tied_and_on_the_front(few: str, open_page: Open) -> None:
    page = open_page(few)
    marks = page.locator("table.main tbody th.model").all_inner_texts()
    assert [re.findall("best|tied|Pareto", text) for text in marks] == [
        ["best", "Pareto"],
        ["Pareto"],
        [],
    ]


def test_a_group_is_a_press_away_and_rows_never_mix(few: str, open_page: Open) -> None:
    page = open_page(few)
    page.get_by_role("link", name="official/1").click()
    assert names(page) == ["leaky"]
    expect(page.locator(".heading")).to_contain_text("same people, same videos")
    page.go_back()
    assert names(page) == ["net_b", "net_a", "net_c"]


def test_a_card_opens_closes_and_has_an_address(few: str, open_page: Open) -> None:
    page = open_page(few)
    card = page.get_by_role("dialog")
    link = page.get_by_role("link", name="net_a", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(card).to_be_visible()
    expect(card.get_by_role("heading", level=2)).to_have_text("net_a")
    for text in ("zoo train net_a", "2.14.1+cu130", "trained from random weights", "rotation"):
        expect(card).to_contain_text(text)
    address = page.url
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent") == "net_a"
    page.goto(address)
    page.reload()
    expect(card.get_by_role("heading", level=2)).to_have_text("net_a")
    card.get_by_role("button", name="Close").click()
    expect(card).to_be_hidden()


def test_a_card_tells_what_differs_from_most_rows(few: str, open_page: Open) -> None:
    page = open_page(few, at="#g1r0")
    own = page.locator("dialog .own dt").all_inner_texts()
    assert "recipe" in own
    assert "optimizer" not in own
    assert "optimizer" in page.locator("dialog dt").all_inner_texts()


def test_charts_draw_the_rows_that_are_ticked(many: str, open_page: Open) -> None:
    page = open_page(many)
    lines = page.locator("figure.chart").first.locator("g.series")
    assert lines.count() == 8
    ticks = page.locator("table.main tbody input")
    ticks.nth(12).check()
    assert lines.count() == 9
    ticks.nth(0).uncheck()
    assert lines.count() == 8
    assert page.locator(".legend li").count() == 8
    for i in range(13, 21):
        ticks.nth(i).check()
    ticks.nth(22).click()
    assert lines.count() == 16  # the charts are full, and the page says so
    expect(page.locator("#said")).to_contain_text("16 rows at most")
    assert not ticks.nth(22).is_checked()


def test_lines_differ_by_more_than_colour(many: str, open_page: Open) -> None:
    page = open_page(many)
    for i in range(8, 16):
        page.locator("table.main tbody input").nth(i).check()
    looks = page.locator(".legend svg").evaluate_all(
        "all => all.map(e => [e.querySelector('.line').getAttribute('stroke-dasharray'),"
        " e.querySelector('.mark').getAttribute('d')].join())"
    )
    assert len(looks) == 16
    assert len(set(looks)) == 16


def test_the_arrow_keys_read_a_chart(few: str, open_page: Open) -> None:
    page = open_page(few)
    plot = page.get_by_role("group", name="Cumulative error: the arrow keys read the values")
    plot.focus()
    for _ in range(33):
        page.keyboard.press("ArrowRight")
    tip = plot.locator(".tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("error up to 8%")
    inside = plot.bounding_box(), tip.bounding_box()
    assert inside[1]["width"] <= inside[0]["width"]
    assert inside[1]["height"] < 120  # a title and three rows
    expect(page.locator("#said")).to_contain_text("net_b")
    share = 100 * record("net_b", 0, 0.05)["results"]["val"]["ced"]["values"][32]
    expect(tip).to_contain_text(f"net_b{round(share, 1):g}%")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_pointer_over_a_dot_says_which_row_it_is(few: str, open_page: Open) -> None:
    page = open_page(few)
    plot = page.get_by_role("group", name="Error against cost")
    plot.locator("g.series").first.hover()
    expect(plot.locator(".tip")).to_contain_text(re.compile("net_[ab]NME"))
    expect(plot.locator(".tip")).to_contain_text("GMACs")


def test_the_cost_of_the_front_can_be_chosen(few: str, open_page: Open) -> None:
    page = open_page(few)
    figure = page.locator("figure", has_text="Error against cost")
    expect(figure.locator(".lack")).to_contain_text("net_c")  # it has no GMACs
    figure.get_by_role("combobox", name="Cost").select_option("parameters")
    expect(figure.locator("svg text.title").first).to_have_text("parameters")
    expect(figure.locator(".lack")).to_have_text("")
    assert figure.locator("g.series").count() == 3


def test_long_boards_turn_pages_and_sort_across_them(many: str, open_page: Open) -> None:
    page = open_page(many)
    status = page.locator(".rows .status")
    expect(status).to_have_text("300 rows, showing 1 to 25")
    page.get_by_role("button", name="Next").click()
    expect(status).to_have_text("300 rows, showing 26 to 50")
    first = names(page)
    header(page, "params").click()
    expect(status).to_have_text("300 rows, showing 1 to 25")
    assert names(page) != first
    page.get_by_role("combobox", name="Rows").select_option("500")
    assert len(names(page)) == 300
    cells = page.locator("table.main tbody tr").evaluate_all(
        "rows => rows.map(r => r.querySelector('td.count').textContent)"
    )
    numbers = [float(c[:-1]) * (1e6 if c.endswith("M") else 1e3) for c in cells]
    assert numbers == sorted(numbers)


def test_columns_can_be_asked_for(few: str, open_page: Open) -> None:
    page = open_page(few)
    assert header(page, "device").count() == 0  # all rows agree
    page.get_by_text("Columns", exact=True).click()
    page.locator(".columns").get_by_label("device").check()
    assert header(page, "device").count() == 1
    expect(page.locator("table.main tbody tr").first).to_contain_text("AMD EPYC")


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


def test_paper_has_no_controls_no_dark_and_no_cut_table(many: str, open_page: Open) -> None:
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
    assert len(names(page)) == 25


def test_without_scripts_the_best_rows_stand_there(few: str, open_page: Open) -> None:
    page = open_page(few, java_script_enabled=False)
    expect(page.locator("main")).to_contain_text("net_b")
    expect(page.locator("main")).to_contain_text("5.00%")
    expect(page.locator("main")).to_contain_text("floor (mean shape)")


def test_the_page_may_ask_nobody_for_anything(few: str, open_page: Open, heard: Heard) -> None:
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
    assert len(heard.errors) >= 3
    assert all("Content Security Policy" in error or "fetch" in error for error in heard.errors)
    heard.errors.clear()
    # a browser tells of a request that it was about to make, and then that it did not
    assert failures == [(url, "csp") for url in heard.requests if "example.org" in url]
    heard.requests.clear()


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
    absent = page.locator(".charts ul.lack")
    for title in ("Cumulative error", "Error by head pose", "Learning curves"):
        expect(absent).to_contain_text(title)
    assert page.locator("figure.chart").count() == 1  # what is left: error against cost

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
