"""The page in a browser: rows are sorted, filtered and opened by mouse and by keyboard."""

from __future__ import annotations

import re

from page_records import board, record
from playwright.sync_api import Page, expect
from reader import Open, names

from zoo.evaluation.page import to_html


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


def test_a_row_that_has_not_learned_says_so_and_is_never_the_best(open_page: Open) -> None:
    page = open_page(to_html(board(record("stuck", 0, 0.29, gmacs=0.01), record("a", 0, 0.05))))
    assert names(page) == ["a", "stuck"]
    stuck = page.locator("table.main tbody tr").nth(1)
    expect(stuck.locator(".badge")).to_have_text(["not learned"])
    expect(page.locator(".heading .notes")).to_contain_text("not learned, so not ranked")
    for _ in range(2):  # cheapest first, then most expensive first
        header(page, "GMACs").click()
        assert names(page) == ["a", "stuck"]
    cost = page.locator("figure.chart", has_text="Error against cost")
    cost.get_by_text("Figures").click()
    expect(cost.locator("tbody th")).to_have_text(["a"])  # the only row on the front


def test_a_single_row_that_has_not_learned_is_no_best_row(open_page: Open) -> None:
    page = open_page(to_html(board(record("stuck", 0, 0.29))))
    expect(page.locator("table.main tbody .badge")).to_have_text(["not learned"])


def test_the_page_opens_in_the_order_that_the_command_chose(open_page: Open) -> None:
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


def test_a_click_on_a_header_sorts_and_another_click_reverses_the_order(
    few: str, open_page: Open
) -> None:
    page = open_page(few)
    header(page, "GMACs").click()
    assert names(page) == ["net_a", "net_b", "net_c"]  # a missing value comes last
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


def test_filters_keep_the_matching_rows(few: str, open_page: Open) -> None:
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


def test_a_click_opens_another_group_and_rows_never_mix(few: str, open_page: Open) -> None:
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


def test_a_card_highlights_what_differs_from_most_rows(few: str, open_page: Open) -> None:
    page = open_page(few, at="#g1r0")
    highlighted = page.locator("dialog .own dt").all_inner_texts()
    assert "recipe" in highlighted
    assert "optimizer" not in highlighted
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
    styles = page.locator(".legend svg").evaluate_all(
        "all => all.map(e => [e.querySelector('.line').getAttribute('stroke-dasharray'),"
        " e.querySelector('.mark').getAttribute('d')].join())"
    )
    assert len(styles) == 16
    assert len(set(styles)) == 16


def test_the_arrow_keys_read_a_chart(few: str, open_page: Open) -> None:
    page = open_page(few)
    plot = page.get_by_role("group", name="Cumulative error: the arrow keys read the values")
    plot.focus()
    for _ in range(33):
        page.keyboard.press("ArrowRight")
    tip = plot.locator(".tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("error up to 8%")
    boxes = plot.bounding_box(), tip.bounding_box()
    assert boxes[1]["width"] <= boxes[0]["width"]
    assert boxes[1]["height"] < 120  # a title and three rows
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


def test_long_boards_have_pages_and_sort_across_them(many: str, open_page: Open) -> None:
    page = open_page(many)
    status = page.locator(".rows .status")
    expect(status).to_have_text("300 rows, showing 1 to 50")
    page.get_by_role("button", name="Next").click()
    expect(status).to_have_text("300 rows, showing 51 to 100")
    first = names(page)
    header(page, "params").click()
    expect(status).to_have_text("300 rows, showing 1 to 50")
    assert names(page) != first
    page.get_by_role("combobox", name="Rows").select_option("500")
    assert len(names(page)) == 300
    cells = page.locator("table.main tbody tr").evaluate_all(
        "rows => rows.map(r => r.querySelector('td.count').textContent)"
    )
    numbers = [float(c[:-1]) * (1e6 if c.endswith("M") else 1e3) for c in cells]
    assert numbers == sorted(numbers)


def test_hidden_columns_can_be_shown(few: str, open_page: Open) -> None:
    page = open_page(few)
    assert header(page, "device").count() == 0  # all rows agree
    page.get_by_text("Columns", exact=True).click()
    page.locator(".columns").get_by_label("device").check()
    assert header(page, "device").count() == 1
    expect(page.locator("table.main tbody tr").first).to_contain_text("AMD EPYC")
