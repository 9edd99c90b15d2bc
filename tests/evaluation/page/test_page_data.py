"""The data of the page: pooled figures, what rows have in common, and what differs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from board_samples import as_read
from page_records import board, record, varied

from zoo.evaluation.board.groups import Group
from zoo.evaluation.page import cards, figures
from zoo.evaluation.page import columns as page_columns
from zoo.evaluation.page.columns import columns_of
from zoo.evaluation.page.html import BLOCK, to_html
from zoo.evaluation.page.payload import group_payload
from zoo.evaluation.records import Record


def with_results(seed: int = 0, **results: Any) -> Record:
    changed = record(seed=seed)
    changed["results"]["val"] |= results
    return as_read(changed)


def curve(*values: float, step: float = 0.05) -> dict[str, Any]:
    return {"step": step, "values": list(values)}


def test_curves_pool_weighted_by_frames() -> None:
    one = with_results(ced=curve(0.0, 0.4, 1.0), n=300)
    two = with_results(1, ced=curve(0.0, 0.8, 1.0), n=100)
    pooled = figures.error_curve([one, two], "val")
    assert pooled is not None
    assert pooled.step == 0.05
    assert pooled.values == pytest.approx([0.0, 0.5, 1.0])


def test_a_row_has_no_curve_where_a_run_lacks_it_or_has_another_grid() -> None:
    full = with_results(ced=curve(0.0, 1.0))
    without = record(seed=1)
    del without["results"]["val"]["ced"]
    assert figures.error_curve([full, as_read(without)], "val") is None
    assert figures.error_curve([full, with_results(1, ced=curve(0, 1, step=0.1))], "val") is None
    assert figures.error_curve([full, with_results(1, ced=curve(0, 0.5, 1))], "val") is None


def test_regions_pool_where_every_run_has_them() -> None:
    one = with_results(regions={"jaw": 0.1, "nose": 0.2, "mouth": None}, n=100)
    two = with_results(1, regions={"jaw": 0.2, "mouth": 0.1}, n=300)
    assert figures.region_errors([one, two], "val") == {"jaw": pytest.approx(0.175)}
    assert figures.region_errors([with_results(regions={})], "val") == {}


def bins(*figures: tuple[str, float | None, int]) -> list[dict[str, Any]]:
    return [{"name": n, "low": None, "high": None, "nme": e, "n": k} for n, e, k in figures]


def test_poses_pool_over_folds_and_count_each_frame_once() -> None:
    runs = [
        with_results(0, pose=bins(("left", 0.1, 10), ("ahead", 0.05, 30))),
        with_results(0, pose=bins(("left", 0.2, 30), ("ahead", None, 5))),
        with_results(1, pose=bins(("left", 0.1, 10), ("ahead", 0.05, 30))),
        with_results(1, pose=bins(("left", 0.2, 30))),
    ]
    pooled = figures.pose_errors(runs, "val")
    assert pooled == {
        ("left", None, None): (pytest.approx(0.175), 40),
        ("ahead", None, None): (pytest.approx(0.05), 30),
    }


def test_long_histories_are_thinned_and_keep_the_first_last_and_best_epoch() -> None:
    long = record(epochs=400)
    long["best_epoch"] = 387
    [thin] = figures.learning_curves([as_read(long)])
    assert len(thin["epoch"]) <= figures.MAX_EPOCHS + 2
    assert thin["epoch"][0] == 1
    assert thin["epoch"][-1] == 400
    assert 387 in thin["epoch"]
    exponent, digits = thin["val_nme"]
    stored = long["history"][386]["val_nme"]
    assert digits[thin["epoch"].index(387)] * 10**exponent == pytest.approx(stored, rel=1e-3)


def test_packed_numbers_keep_four_digits_and_gaps() -> None:
    assert figures.pack([0.12344, None, 0.0005]) == [-4, [1234, None, 5]]
    assert figures.pack([1234567.0, 1e3]) == [3, [1235, 1]]
    assert figures.pack([0, 0.0]) == [0, [0, 0]]
    assert figures.pack([None, None]) is None


def test_few_epochs_and_many_seeds() -> None:
    assert figures.learning_curves([as_read(record(epochs=1))]) == []
    assert (
        len(figures.learning_curves([as_read(record(seed=s)) for s in range(9)]))
        == figures.MAX_RUNS
    )


def test_cards_hold_what_differs_from_most_rows_and_nothing_is_lost() -> None:
    records = [
        record("a"),
        record("b"),
        record("c", config={"lr": 0.01, "head": "mine/other"}),
        record("d", config={"recipe": None, "augment": {}}),
    ]
    rows = [cards.sections([as_read(r)]) for r in records]
    common = cards.in_common(rows)
    assert common["config"]["lr"] == 0.001
    differences = [cards.difference(row, common)["config"] for row in rows]
    assert {"lr": 0.01, "head": "mine/other"}.items() <= differences[2].items()
    assert differences[3]["recipe"] is None
    assert differences[3]["augment.flip"] is None
    for row, different in zip(rows, differences, strict=True):
        together = common["config"] | different
        assert {k: v for k, v in together.items() if v is not None} == row["config"]
    assert "lr" not in differences[0]


def test_runs_that_differ_show_all_their_values() -> None:
    other = record(seed=1)
    other["environment"] = other["environment"] | {"device": "H200"}
    both = [as_read(record()), as_read(other)]
    environment = cards.sections(both)["environment"]
    assert environment["device"] == "cpu (1 threads, AMD EPYC) / H200"
    assert environment["precision"] == "fp32"
    assert "seed" not in cards.sections(both)["config"]


def test_plugins_of_old_and_new_records() -> None:
    old = record("custom_cnn")
    assert cards.plugins(as_read(old)) == ["backbone custom_cnn (landmark-zoo 0.1.0)"]
    head = {"id": "soft", "distribution": "their-heads", "version": "2.0"}
    new = old | {"plugins": {"backbone": old["plugin"], "head": head, "loss": {"id": "own"}}}
    assert cards.plugins(as_read(new)) == [
        "backbone custom_cnn (landmark-zoo 0.1.0)",
        "head soft (their-heads 2.0)",
        "loss own",
    ]


def test_columns_with_equal_values_are_hidden_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [group] = board(record("a"), record("b", 0, 0.07, config={"recipe": "seed"}))
    assert {"recipe", "head", "coverage"} <= {column.key for column in columns_of(group)}
    monkeypatch.setattr(page_columns, "FEW", 99)

    def usual(group: Group) -> set[str]:
        return {c["key"] for c in group_payload(group, None)[0]["columns"] if c["usual"]}

    shown = usual(group)
    assert "recipe" in shown
    # both have the same head, found every face and were measured by `zoo bench`
    assert not shown & {"head", "coverage", "images_per_second"}
    rows = [replace(row, coverage=0.9, throughput=None) for row in group.rows]
    assert {"coverage", "images_per_second"} <= usual(replace(group, rows=rows))


def test_a_scheme_without_eye_corners_is_headed_by_the_box() -> None:
    no_ioc = {"nme_ioc": None, "nme_ioc_low": None, "nme_ioc_high": None, "floor": {"nme_box": 0.2}}
    [group] = board(with_results(**no_ioc).raw)
    head, _ = group_payload(group, None)
    assert head["headline"] == "nme_box"
    assert head["columns"][0]["key"] == "nme_box"
    assert head["columns"][0]["kind"] == "interval"


def blocks(html: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html)
    return {id: json.loads(text) for id, text in found}


def test_rows_and_details_are_in_one_order() -> None:
    groups = board(*varied(2 * BLOCK + 3))
    parsed = blocks(to_html(groups, command=lambda r: r.run))
    assert list(parsed) == ["data", "rows-0-0", "rows-0-1", "rows-0-2"]
    details = [row for name, part in parsed.items() if name != "data" for row in part]
    assert [d["command"] for d in details] == [row.runs[0] for row in groups[0].rows]
    assert parsed["data"]["groups"][0]["rows"]["name"] == [r.backbone for r in groups[0].rows]


def test_the_same_records_make_the_same_page() -> None:
    records = varied(20, seeds=2)
    assert to_html(board(*records)) == to_html(board(*records))


def test_a_card_has_the_subsets_that_all_of_its_runs_have() -> None:
    part = with_results().raw["results"]["val"] | {"n": 10, "nme_ioc": 0.04}
    records = [
        with_results(subsets={"blur": part, "pose": part}),
        with_results(subsets={"blur": part | {"n": 30, "nme_ioc": 0.08}}),
    ]
    # the mean by frames: (10 * 4% + 30 * 8%) / 40
    assert cards.card(records, "val", None)["subsets"] == [["blur", 10, pytest.approx(0.07)]]


def test_no_path_and_no_sum_by_person_is_on_the_page() -> None:
    raw = with_results(by_person={"key": "ab" * 16, "sum": [0.1], "n": [428]}).raw
    raw["results"]["val"]["nme_ioc"] = 0.1 / 428
    html = to_html(board(raw))
    assert "by_person" not in html
    assert "ab" * 16 not in html
    assert "record.json" not in html
