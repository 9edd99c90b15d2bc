"""Copies count once, edited figures do not count, and different versions of the data are noted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from board_samples import as_read, predict, record, save_run, sources

from zoo.api import DataError
from zoo.evaluation.board.leaderboard import build, collect
from zoo.evaluation.board.render import to_markdown
from zoo.evaluation.records import save_record

PEOPLE = [f"p{i}" for i in range(6)]
GOOD = predict({person: [0.05, 0.0705 + i / 100] for i, person in enumerate(PEOPLE)})
WORSE = predict({person: [0.15, 0.17 + i / 100] for i, person in enumerate(PEOPLE)})


def edit(file: Path, **figures) -> None:
    changed = json.loads(file.read_text())
    changed["results"]["val"] |= figures
    save_record(changed, file)


def left_out(problems):
    return {Path(p.where).parent.name: p.reason for p in problems}


@pytest.fixture
def runs(tmp_path):
    save_run(tmp_path / "runs" / "a", GOOD, "a")
    save_run(tmp_path / "runs" / "b", WORSE, "b")
    return tmp_path / "runs"


def test_a_healthy_board_leaves_nothing_out(runs):
    [group], problems = collect([runs])
    assert [row.backbone for row in group.rows] == ["a", "b"]
    assert problems == []
    assert not any("left out" in note for note in group.notes)
    assert [s.path.parent.name for s in group.rows[0].sources] == ["a"]


def test_a_copied_run_counts_once_and_is_reported(runs):
    shutil.copytree(runs / "a", runs / "elsewhere")
    [group], problems = collect([runs])
    assert group.rows[0].runs == ["a-s0"]
    assert left_out(problems) == {"elsewhere": "a copy of run a-s0, counted once"}


def test_a_training_that_was_done_again_is_no_copy_of_itself(runs):
    shutil.copytree(runs / "a", runs / "elsewhere")
    file = runs / "elsewhere" / "record.json"
    file.write_text(file.read_text().replace('"a-s0"', '"a-s0-2"'))
    _, problems = collect([runs])
    assert left_out(problems) == {
        "elsewhere": "the same training as run a-s0, done again: it counts once"
    }


@pytest.mark.parametrize("digest", ["ab" * 32, None])
def test_copies_are_recognised_by_their_predictions_or_by_all_of_their_figures(digest):
    one = record(GOOD, results={"predictions": digest} if digest else {})
    other = record(GOOD, results={"predictions": digest} if digest else {"loss": 0.5})
    both = [(Path("a/record.json"), as_read(one)), (Path("b/record.json"), as_read(one))]
    assert build(both)[0].rows[0].runs == ["a-s0"]
    if digest is None:  # another run that happens to have the same name
        both[1] = (Path("b/record.json"), as_read(other))
        assert build(both)[0].rows[0].runs == ["a-s0", "a-s0"]


def test_of_two_copies_the_more_complete_one_is_kept(runs):
    old = json.loads((runs / "a" / "record.json").read_text())
    for key in ("ced", "pose", "by_person"):
        del old["results"]["val"][key]
    save_record(old, runs / "1st" / "record.json")  # comes first
    [group], problems = collect([runs])
    assert left_out(problems).keys() == {"1st"}
    assert "by_person" in group.rows[0].sources[0].record.raw["results"]["val"]


def test_a_copy_under_another_seed_counts_once(runs):
    relabelled = json.loads((runs / "a" / "record.json").read_text())
    save_record(relabelled | {"seed": 1, "run": "a-s1"}, runs / "c" / "record.json")
    [group], problems = collect([runs])
    assert group.rows[0].seeds == [0]
    assert "the same predictions as run a-s0 (seed 0)" in left_out(problems)["c"]


def test_one_model_under_two_protocols_is_no_copy(runs):
    # two protocols can have the same frames, so the predictions of an external model can be equal
    save_run(runs / "c", GOOD, "a", data={"protocol": "official/1"})
    groups, problems = collect([runs])
    assert [len(group.rows) for group in groups] == [1, 2]
    assert problems == []


def test_equal_predictions_of_two_configurations_are_two_rows(runs):
    save_run(runs / "c", GOOD, "c")
    [group], problems = collect([runs])
    assert len(group.rows) == 3
    assert problems == []


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"nme_ioc": 0.04}, "says nme_ioc = 0.04, and its sums by person give 0.07275"),
        ({"nme_ioc": 0.07275 * (1 + 3e-6)}, "says nme_ioc"),
        ({"nme_ioc": None}, "says nme_ioc = None, and its sums by person have 12 faces found"),
        ({"n": 13}, "says n = 13, and its sums by person are of 12 faces"),
        ({"fr_08": 0.0}, "says fr_08 = 0, and its failures by person give 0.416667"),
        ({"fr_10": 0.0}, "says fr_10 = 0, and its error curve gives 0.25"),
    ],
)
def test_an_edited_figure_is_named_and_left_out(runs, figures, reason):
    edit(runs / "a" / "record.json", **figures)
    [group], problems = collect([runs])
    assert [row.backbone for row in group.rows] == ["b"]
    assert left_out(problems)["a"].startswith(reason)
    [note] = [note for note in group.notes if "left out" in note]
    assert note.startswith(f"run a-s0 is left out: {reason}")
    assert "a-s0 is left out" in to_markdown([group])


def test_a_board_of_edited_records_alone_says_what_is_wrong(runs):
    shutil.rmtree(runs / "b")
    edit(runs / "a" / "record.json", nme_ioc=0.04)
    with pytest.raises(DataError, match=r"no record under .* that counts: .*a.record.json: says"):
        collect([runs])


def test_without_sums_an_edited_figure_is_found_by_the_error_curve(runs):
    edit(runs / "a" / "record.json", fr_08=0.0)
    changed = json.loads((runs / "a" / "record.json").read_text())
    del changed["results"]["val"]["by_person"]
    save_record(changed, runs / "a" / "record.json")
    _, problems = collect([runs])
    assert left_out(problems)["a"].startswith("says fr_08 = 0, and its error curve gives 0.41666")


def test_rounding_does_not_count_as_an_edit(runs):
    edit(runs / "a" / "record.json", nme_ioc=0.07275 * (1 + 2e-7), fr_08=0.416667)
    assert collect([runs])[1] == []


def test_figures_without_a_short_decimal_form_do_not_count_as_edited():
    # thirds and sevenths everywhere: shares and sums with no short decimal form
    for seed in range(30):
        errors = {
            f"p{i}": [
                ((seed * 7 + i * 3 + k) % 11) / 77 + 1 / 3e4 for k in range(1 + (i + seed) % 3)
            ]
            for i in range(7)
        }
        one = record(predict(errors), seed=seed)
        [group] = build(sources([one]))
        assert len(group.rows) == 1
        assert group.notes == []


def test_other_predictions_beside_a_record_are_found(runs):
    WORSE.save(runs / "a" / "predictions" / "val.npz")
    [group], problems = collect([runs])
    assert [row.backbone for row in group.rows] == ["b"]
    assert "predictions/val.npz beside it has sha256" in left_out(problems)["a"]
    assert "zoo evaluate" in left_out(problems)["a"]


def test_a_record_in_the_current_folder_has_its_predictions_beside_it(runs, monkeypatch):
    WORSE.save(runs / "a" / "predictions" / "val.npz")
    monkeypatch.chdir(runs / "a")
    with pytest.raises(DataError, match="beside it has sha256"):
        collect([Path("record.json")])


def test_predictions_that_cannot_be_read_are_reported(runs):
    (runs / "a" / "predictions" / "val.npz").unlink()
    (runs / "a" / "predictions" / "val.npz").mkdir()
    assert "beside it cannot be read" in left_out(collect([runs])[1])["a"]


def test_predictions_of_another_run_do_not_discredit_a_record(runs):
    # the record was moved out of its folder and lies beside the predictions of another run
    save_record(json.loads((runs / "a" / "record.json").read_text()), runs / "b" / "a.record.json")
    shutil.rmtree(runs / "a")
    [group], problems = collect([runs])
    assert [row.backbone for row in group.rows] == ["a", "b"]
    assert problems == []


def test_two_records_with_different_figures_for_the_same_predictions_are_left_out(runs):
    changed = json.loads((runs / "a" / "record.json").read_text())
    for key in ("ced", "by_person"):
        del changed["results"]["val"][key]
    save_record(changed, runs / "a" / "record.json")
    changed["results"]["val"]["nme_ioc"] = 0.01
    save_record(changed, runs / "c" / "record.json")
    [group], problems = collect([runs])
    assert [row.backbone for row in group.rows] == ["b"]
    assert left_out(problems) == {
        "c": "nme_ioc = 0.01, where run a-s0 has 0.07275 for the same predictions",
        "a": "a copy of it has other figures for the same predictions",
    }


def test_edited_figures_of_another_split_do_not_matter(runs):
    changed = json.loads((runs / "a" / "record.json").read_text())
    changed["results"]["test"] = changed["results"]["val"] | {"nme_ioc": 0.0}
    save_record(changed, runs / "a" / "record.json")
    assert len(collect([runs])[0][0].rows) == 2


def test_mixed_fingerprints_are_two_tables_that_name_each_other(runs):
    save_run(runs / "c", GOOD, "c", data={"fingerprint": "cafe0123456"})
    save_run(runs / "d", GOOD, "d", data={"fingerprint": "beef", "protocol": "official/1"})
    cafe, food = [g for g in collect([runs])[0] if g.protocol == "person/1"]
    assert (cafe.fingerprint, food.fingerprint) == ("cafe0123456", "f00dbeef")
    assert [len(g.rows) for g in (cafe, food)] == [1, 2]
    [about_food] = [note for note in cafe.notes if "other data" in note]
    [about_cafe] = [note for note in food.notes if "other data" in note]
    assert "fingerprint f00dbeef" in about_food
    assert "fingerprint cafe0123" in about_cafe
    [official] = [g for g in collect([runs])[0] if g.protocol == "official/1"]
    assert not any("other data" in note for note in official.notes)
