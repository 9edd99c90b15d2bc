"""The board pools seeds, separates incomparable results, and shows the baseline everywhere."""

from __future__ import annotations

import csv
import io
import json
import statistics

import pytest
from board_samples import as_read, sources

import zoo
from zoo.api import DataError, UsageError, ZooWarning
from zoo.evaluation.board.leaderboard import build, collect
from zoo.evaluation.board.render import to_csv, to_frame, to_json, to_markdown
from zoo.evaluation.records import save_record

ROW_KEYS = [
    *("backbone", "head", "loss_name", "recipe", "pretrained"),
    *("nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_ioc_std", "nme_box"),
    *("loss", "fr_08", "auc_08", "parameters", "gmacs", "images_per_second"),
    *("device", "seeds", "runs", "external"),
    *("nme_ioc_flip", "passes"),
    *("coverage", "latency_ms", "throughput", "bench_device", "tied", "pareto"),
    *("input_size", "epochs", "train_seconds", "nme_median"),
    *("nme_seen", "nme_hidden", "hidden_ap", "hidden_f1", "detail", "learned"),
]
GROUP_KEYS = ["dataset", "protocol", "region", "split", "fingerprint", "partial"]


def record(backbone="custom_cnn", seed=0, nme=0.06, *, data=None, config_hash=None, **changes):
    results = {
        "nme_ioc": nme,
        "nme_ioc_low": None if nme is None else nme - 0.01,
        "nme_ioc_high": None if nme is None else nme + 0.02,
        "nme_box": 0.03,
        "loss": 0.02,
        "fr_08": 0.2,
        "auc_08": 0.3,
        "n": 400,
        "floor": {"nme_ioc": 0.28, "nme_box": 0.13, "loss": 0.9, "fr_08": 1.0, "auc_08": 0.0},
    } | changes.pop("results", {})
    return {
        "schema": 1,
        "run": f"{backbone}-s{seed}",
        "plugin": {"id": backbone, "distribution": "landmark-zoo", "version": "0.1.0"},
        "config": {"head": "landmark-zoo/linear", "loss": "smooth_l1", "recipe": "seed"},
        "config_hash": config_hash or f"{backbone}-hash",
        "seed": seed,
        "data": {
            "dataset": "youtube_faces",
            "release": "udacity",
            "protocol": "person/1",
            "region": "frame",
            "fingerprint": "f00dbeef",
            "partial": False,
        }
        | (data or {}),
        "model": {"parameters": 6984840, "gmacs": 0.79},
        "results": {"val": results},
        "cost": {"images_per_second": 100.0 + seed},
        "environment": {"device": "cpu"},
    } | changes


def board(*records, **options):
    return build(sources(records), **options)


def markdown_tables(text):
    """The cells of each table, row by row, without the line of dashes."""
    tables = []
    for block in text.split("## ")[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
        tables.append([cells[0], *cells[2:]])
    return tables


def test_seeds_pool_into_one_row_by_hand():
    [group] = board(record(seed=0, nme=0.05), record(seed=1, nme=0.07), record(seed=2, nme=0.09))
    [row] = group.rows
    assert row.nme_ioc == pytest.approx(0.07)
    assert row.nme_ioc_std == pytest.approx(0.02)  # of a sample: (.02^2 + 0 + .02^2) / 2
    assert row.nme_ioc_low == pytest.approx(0.06)
    assert row.nme_ioc_high == pytest.approx(0.09)
    assert row.images_per_second == pytest.approx(101)
    assert row.seeds == [0, 1, 2]
    assert row.runs == ["custom_cnn-s0", "custom_cnn-s1", "custom_cnn-s2"]


def test_one_seed_has_no_spread():
    [group] = board(record())
    assert group.rows[0].nme_ioc_std is None


def test_a_seed_run_twice_is_one_seed():
    again = record(seed=0, nme=0.07, run="custom_cnn-s0-2")
    [group] = board(record(seed=0, nme=0.05), again, record(seed=1, nme=0.08))
    [row] = group.rows
    assert row.seeds == [0, 1]
    assert row.nme_ioc == pytest.approx((0.06 + 0.08) / 2)
    assert row.nme_ioc_std == pytest.approx(statistics.stdev([0.06, 0.08]))


def test_configurations_of_one_backbone_stay_apart():
    [group] = board(record(), record(seed=1, nme=0.04, config_hash="other"))
    assert [row.nme_ioc for row in group.rows] == [0.04, 0.06]


@pytest.mark.parametrize(
    "difference",
    [
        {"dataset": "wflw"},
        {"release": "videos"},
        {"protocol": "official/1"},
        {"protocol": "person/2"},
        {"region": "box"},
        {"fingerprint": "cafe"},
    ],
)
def test_nothing_is_ranked_across_groups(difference):
    groups = board(record(), record("better", nme=0.01, data=difference))
    assert len(groups) == 2
    assert all(len(group.rows) == 1 for group in groups)
    assert len({group.heading for group in groups}) == 2


def test_the_floor_stands_in_every_group_and_format():
    other = record("deep", data={"fingerprint": "cafe"}, results={"floor": {"nme_ioc": 0.31}})
    groups = board(record(), other)
    assert sorted(g.baseline["nme_ioc"] for g in groups) == [0.28, 0.31]
    assert sorted(g["baseline"]["nme_ioc"] for g in json.loads(to_json(groups))) == [0.28, 0.31]
    tables = markdown_tables(to_markdown(groups))
    at = tables[0][0].index("NME %")
    assert sorted(t[-1][at] for t in tables) == ["28.00", "31.00"]
    assert all(t[-1][0] == "baseline (mean shape)" for t in tables)
    lines = [x for x in csv.DictReader(io.StringIO(to_csv(groups))) if "baseline" in x["backbone"]]
    assert sorted(x["nme_ioc"] for x in lines) == ["0.28", "0.31"]
    assert {x["fingerprint"] for x in lines} == {"f00dbeef", "cafe"}


def test_formats_carry_the_same_columns_and_figures():
    groups = board(record(nme=0.0625), record("deep", nme=None))
    [group] = json.loads(to_json(groups))
    assert list(group) == [
        *GROUP_KEYS,
        "release",
        "benchmark",
        "subset",
        "baseline",
        "floor",
        "notes",
        "metrics",
        "rows",
    ]
    assert group["benchmark"] == "youtube_faces/udacity person/1 frame ioc/1"
    assert all(list(row) == [*ROW_KEYS, "metrics"] for row in group["rows"])
    [table] = markdown_tables(to_markdown(groups))
    assert table[0][:2] == ["model", "NME %"]
    assert all(len(line) == len(table[0]) for line in table)
    lines = list(csv.DictReader(io.StringIO(to_csv(groups))))
    assert list(lines[0]) == [*GROUP_KEYS, *ROW_KEYS]
    assert [row["nme_ioc"] for row in group["rows"]] == [0.0625, None]
    assert [line["nme_ioc"] for line in lines] == ["0.0625", "", "0.28"]
    assert [line[1].split(" ")[0] for line in table[1:]] == ["6.25", "", "28.00"]
    assert [line["parameters"] for line in lines] == ["6984840", "6984840", ""]
    assert [line["seeds"] for line in lines] == ["0", "0", ""]


def test_the_frame_holds_figures_and_floors():
    frame = to_frame(board(record(), record(seed=1, nme=0.08), record("deep", nme=0.05)))
    assert list(frame["backbone"]) == ["deep", "custom_cnn", "baseline (mean shape)"]
    assert frame["nme_ioc"].to_list() == pytest.approx([0.05, 0.07, 0.28])
    assert frame["parameters"][0] == 6984840
    assert frame["seeds"][1] == [0, 1]


def test_sorting_puts_the_better_value_first():
    a = record("a", nme=0.05, results={"auc_08": 0.1, "fr_08": 0.5})
    b = record("b", nme=0.06, results={"auc_08": 0.9, "fr_08": 0.4})
    c = record("c", nme=None, results={"auc_08": None, "fr_08": None})
    order = {
        key: "".join(row.backbone for row in board(c, b, a, sort=key)[0].rows)
        for key in ("nme_ioc", "auc_08", "fr_08")
    }
    assert order == {"nme_ioc": "abc", "auc_08": "bac", "fr_08": "bac"}


def test_without_eye_corners_the_box_ranks():
    box_only = {"floor": {"nme_box": 0.2}}
    a = record("a", nme=None, results=box_only | {"nme_box": 0.05})
    b = record("b", nme=None, results=box_only | {"nme_box": 0.04})
    [group] = board(a, b)
    assert [row.backbone for row in group.rows] == ["b", "a"]
    assert group.headline == "nme_box"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sort": "nme_ioq"}, "did you mean nme_ioc"),
        ({"sort": "device"}, "no metric to sort by 'device'"),
        ({"split": "vall"}, "did you mean val"),
        ({"protocol": "offical"}, "did you mean official"),
    ],
)
def test_unknown_names_get_close_matches(options, match):
    with pytest.raises(UsageError, match=match):
        board(record(), **options)


def test_one_protocol_can_be_asked_for_by_id_or_label():
    records = [record(), record(data={"protocol": "official/1"})]
    for name in ("official", "official/1"):
        assert [g.protocol for g in board(*records, protocol=name)] == ["official/1"]


def test_the_heading_says_that_official_leaks_and_that_data_is_partial():
    official = board(record(data={"protocol": "official/1", "partial": True}))
    assert "same people, same videos" in official[0].heading
    assert "same people, same videos" in to_markdown(official)
    assert "partial" in official[0].heading
    assert json.loads(to_json(official))[0]["partial"] is True
    assert "partial" not in board(record())[0].heading


def test_a_run_found_twice_counts_once(tmp_path):
    digest = {"results": {"predictions": "d1"}}
    save_record(record(**digest), tmp_path / "runs" / "a" / "record.json")
    save_record(record(**digest), tmp_path / "published" / "a" / "record.json")
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    groups, _ = collect([tmp_path / "runs", tmp_path / "published", tmp_path / "link"])
    assert groups[0].rows[0].runs == ["custom_cnn-s0"]
    same_path = [(tmp_path / "runs" / "a" / "record.json", as_read(record()))] * 2
    assert build(same_path)[0].rows[0].runs == ["custom_cnn-s0"]


def test_records_without_the_split_are_left_out():
    assert board(record(), split="test") == []


def test_speeds_of_several_devices_do_not_pool():
    gpu = record(seed=1, environment={"device": "H200"})
    [row] = board(record(), gpu)[0].rows
    assert row.device == "H200, cpu"
    assert row.images_per_second is None


def test_test_time_flip_is_a_separate_figure_and_does_not_rank():
    one = record("plain", nme=0.05, results={"flip": {"nme_ioc": 0.049, "fr_08": 0.1}})
    two = record("mirrored", nme=0.06, results={"flip": {"nme_ioc": 0.04, "fr_08": 0.1}})
    again = record("mirrored", 1, nme=0.06, results={"flip": {"nme_ioc": 0.05, "fr_08": 0.1}})
    [group] = board(one, two, again)
    assert [row.backbone for row in group.rows] == ["plain", "mirrored"]
    assert group.rows[1].nme_ioc_flip == pytest.approx(0.045)
    assert board(record())[0].rows[0].nme_ioc_flip is None


def test_a_row_says_how_many_passes_its_network_makes():
    twice = record("deep")
    twice["config"]["refine"] = 1
    rows = {row.backbone: row.passes for row in board(record(), twice)[0].rows}
    assert rows == {"custom_cnn": 1, "deep": 2}


def test_third_party_text_stays_text():
    hostile = "[red]x|<script>alert(1)</script>`\n\x1b[31m"
    groups = board(record(hostile))
    text = to_markdown(groups)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert r"\[red\]x\|&lt;script&gt;" in text
    rows = [line for line in text.splitlines() if "alert" in line]
    assert len(rows) == 1  # the line break did not break the table
    titles = next(line for line in text.splitlines() if line.startswith("| model"))
    assert rows[0].replace(r"\|", "").count("|") == titles.count("|")
    assert "\x1b" not in to_csv(groups)
    assert json.loads(to_json(groups))[0]["rows"][0]["backbone"] == hostile


def fold_record(fold, nme, n, seed=0, floor=0.28):
    return record(
        seed=seed,
        nme=nme,
        run=f"fold{fold}-s{seed}",
        data={"protocol": "person-5fold/1", "fold": fold},
        results={"n": n, "floor": {"nme_ioc": floor}},
    )


def test_five_folds_make_one_row_weighted_by_frames():
    errors, frames = [0.05, 0.06, 0.07, 0.08, 0.10], [100, 200, 300, 200, 200]
    records = [
        fold_record(k, e, n, floor=0.2 + k / 100)
        for k, (e, n) in enumerate(zip(errors, frames, strict=True))
    ]
    [group] = board(*records)
    [row] = group.rows
    mean = sum(e * n for e, n in zip(errors, frames, strict=True)) / 1000
    assert row.nme_ioc == pytest.approx(mean)
    assert row.nme_ioc_std is None  # one seed: folds are no repetition
    half = sum((n / 1000 * 0.01) ** 2 for n in frames) ** 0.5
    assert row.nme_ioc_low == pytest.approx(mean - half)
    assert row.nme_ioc_high == pytest.approx(mean + 2 * half)
    assert group.baseline["nme_ioc"] == pytest.approx(
        sum((0.2 + k / 100) * n for k, n in enumerate(frames)) / 1000
    )


def test_a_row_that_lacks_folds_is_not_ranked_and_says_so():
    [group] = board(*(fold_record(k, 0.05, 100) for k in (0, 1, 3)))
    assert group.rows == []
    assert "lacks fold 2, 4" in group.notes[0]
    assert "lacks fold 2, 4" in to_markdown([group])


def test_an_empty_board_names_folders_and_what_to_type(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}.*zoo train"):
        collect([tmp_path])
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        collect([tmp_path / "nowhere"])


def test_unfinished_runs_are_reported_in_one_line(tmp_path):
    save_record(record(), tmp_path / "good" / "record.json")
    for name in ("a", "b", "c", "d"):
        (tmp_path / name / "state").mkdir(parents=True)
        (tmp_path / name / "config.toml").touch()
        groups, [problem] = collect([tmp_path])
        assert len(groups[0].rows) == 1
        if name == "a":
            assert str(problem).startswith(f"{tmp_path / 'a'}: is not finished")
            assert f"zoo train --resume {tmp_path / 'a'}" in problem.reason
    a, b, c, *_ = (tmp_path / name for name in "abcd")
    assert problem.where == f"{a}, {b}, {c} and 1 more"
    assert problem.reason.startswith("4 runs are not finished")
    assert "zoo train --resume RUN" in problem.reason


def test_python_warns_about_records_that_do_not_count(tmp_path):
    save_record(record(), tmp_path / "good" / "record.json")
    (tmp_path / "broken.record.json").write_text("{")
    (tmp_path / "begun" / "state").mkdir(parents=True)
    (tmp_path / "begun" / "config.toml").touch()
    with pytest.warns(ZooWarning) as caught:
        frame = zoo.leaderboard(tmp_path)
    assert list(frame["backbone"]) == ["custom_cnn", "baseline (mean shape)"]
    broken, begun = (str(each.message) for each in caught)
    assert broken.startswith(f"left out: {tmp_path / 'broken.record.json'}: not a JSON record")
    assert begun.startswith(f"left out: {tmp_path / 'begun'}: is not finished")
    assert {each.filename for each in caught} == {__file__}


def test_a_run_that_was_stopped_at_once_is_reported_and_other_folders_are_not(tmp_path):
    save_record(record(), tmp_path / "good" / "record.json")
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "config.toml").touch()
    (tmp_path / "net-faces-0a1b2c-s0").mkdir()
    _, [problem] = collect([tmp_path])
    assert problem.where == str(tmp_path / "net-faces-0a1b2c-s0")
    assert "stopped before its training began" in problem.reason


def test_no_result_on_the_split_lists_the_results_that_exist(tmp_path):
    save_record(record(), tmp_path / "record.json")
    with pytest.raises(DataError, match=r"val of person/1.*zoo evaluate RUN --split test"):
        collect([tmp_path], split="test")


def test_a_broken_record_takes_nobody_elses_results_away(tmp_path):
    save_record(record(), tmp_path / "a" / "record.json")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "record.json").write_text("{")
    groups, problems = collect([tmp_path])
    assert len(groups[0].rows) == 1
    assert [p.where for p in problems] == [str(tmp_path / "b" / "record.json")]
