"""A model's card: what is measured for it, checked by hand and on a run, and what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from board_samples import predict, record
from coloured_spots import FACES, UNIT, Brightest, Constant, predictor, spots
from typer.testing import CliRunner, Result

from zoo.api import DataError, Sample, generic_scheme
from zoo.cli import app
from zoo.data.table import SampleTable, read_table
from zoo.evaluation.records import checked
from zoo.export.card import plain_card
from zoo.export.tolerance import LARGER, SHIFTS, SMALLER, STILL, measure, points_from_boxes

TRUE = np.array([[40.0, 50.0], [80.0, 50.0], [60.0, 82.0]])


class Spots:
    """One frame with three coloured spots, 40 px from the first to the second."""

    scheme = generic_scheme(3)
    release, license, notes = "made", "none", ""
    label_offset = (0.0, 0.0)
    problems: tuple[()] = ()

    def samples(self) -> list[Sample]:
        image = spots(120, 140, TRUE)
        return [Sample("a", lambda: image, TRUE.astype(np.float32), np.ones(3, bool), person="p")]

    def released(self) -> None: ...


@pytest.fixture
def table() -> SampleTable:
    return read_table(Spots())


def test_a_model_that_sees_nothing_moves_with_its_box(table: SampleTable) -> None:
    """Its points are fixed in the region, so a shift of the box by a tenth of 40 px is a shift of
    4 px, and a box a tenth larger spreads them by a tenth about the face's place."""
    model = predictor(Constant())
    points, rows = points_from_boxes(model, table, np.array([0]), (STILL, SHIFTS[0], LARGER))
    assert rows.tolist() == [0]
    still, shifted, larger = points[:, 0]
    shift = shifted - still
    np.testing.assert_allclose(np.linalg.norm(shift, axis=1), 4, atol=1e-3)
    np.testing.assert_allclose(shift, shift[:1].repeat(3, 0), atol=1e-3)
    # the region is 40 / .5 = 80 px: the outer two points are half of it apart
    assert np.ptp(still[:, 0]) == pytest.approx(40, abs=1e-3)
    assert np.ptp(larger[:, 0]) == pytest.approx(44, abs=1e-3)


def test_directions_are_eight_of_one_length_and_sizes_undo_each_other() -> None:
    lengths = [np.hypot(dx, dy) for dx, dy, _ in SHIFTS]
    np.testing.assert_allclose(lengths, 0.1)
    assert len({(round(dx, 6), round(dy, 6)) for dx, dy, _ in SHIFTS}) == 8
    assert SMALLER[2] * LARGER[2] == pytest.approx(1)


def test_a_shifted_box_costs_a_blind_model_more_than_one_that_sees(
    table: SampleTable,
) -> None:
    seeing = measure(predictor(Brightest()), table, np.array([0]))
    blind = measure(predictor(Constant()), table, np.array([0]))
    assert seeing["frames"] == 1
    assert seeing["worst_shift"] < 0.02
    assert blind["worst_shift"] > 0.05
    assert blind["shifted"] >= blind["still"] - 1e-6


def test_labels_of_other_points_are_refused(table: SampleTable) -> None:
    model = predictor(Constant())
    model.scheme = generic_scheme(5)
    with pytest.raises(DataError, match="predicts 5 points of points5, the labels are 3 points"):
        measure(model, table, np.array([0]))


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def carded(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run with its card, which also measures it on the default drawn faces."""
    folder = tmp_path_factory.mktemp("card")
    run = folder / "run"
    shutil.copytree(trained, run)
    return run, zoo("card", run, "--on", "synthetic", "--json")


def test_a_card_says_what_was_measured(carded: tuple[Path, Result]) -> None:
    run, result = carded
    assert result.exit_code == 0, result.output
    found = json.loads((run / "card.json").read_text())
    tolerance = found["box_tolerance"]
    assert tolerance["split"] == "val"
    assert set(tolerance) >= {"still", "shifted", "worst_shift", "smaller", "larger", "frames"}
    (other,) = found["elsewhere"]
    assert other["dataset"] == "synthetic"
    assert other["n"] > tolerance["frames"]
    text = (run / "card.md").read_text()
    assert f"| 10% larger | {100 * tolerance['larger']:.2f}% |" in text
    assert f"| synthetic, drawn | {100 * other['nme_ioc']:.2f}% | " in text
    assert "## Terms" in text
    assert not text.startswith("---")


def test_a_card_keeps_what_was_measured_elsewhere(carded: tuple[Path, Result]) -> None:
    run, _ = carded
    before = json.loads((run / "card.json").read_text())
    assert zoo("card", run).exit_code == 0
    assert json.loads((run / "card.json").read_text()) == before


def test_wrong_options_and_a_damaged_card_are_errors(
    carded: tuple[Path, Result], tmp_path: Path
) -> None:
    run, _ = carded
    assert zoo("card", run, "--split", "train").exit_code == 2
    assert zoo("card", tmp_path).exit_code == 2
    (run / "card.json").write_text("{")
    from zoo.export.measured import measured
    from zoo.runs.folder import RunFolder

    with pytest.raises(DataError, match=r"card\.json: not JSON"):
        measured(RunFolder(run))


def test_the_planted_places_are_those_of_the_tests() -> None:
    """The expected values above rely on them."""
    assert (FACES.side, FACES.cx, FACES.cy) == (0.5, 0.5, 0.6)
    assert np.ptp(UNIT[:, 0]) == 0.5


def test_a_card_has_tables_of_hidden_points_and_of_subsets() -> None:
    made = record(predict({f"p{i}": [0.07] for i in range(8)}))
    plain = plain_card(checked("record.json", made), "hf://somebody/something")
    assert "hidden points" not in plain
    assert "frames that are" not in plain
    val = made["results"]["val"]
    scores = {key: value for key, value in val.items() if key != "by_person"}
    val |= {"nme_seen": 0.06, "nme_hidden": 0.11, "hidden_ap": 0.5, "hidden_f1": None}
    val["subsets"] = {"large <pose>": scores | {"nme_ioc": 0.12, "fr_10": 0.75, "n": 8}}
    card = plain_card(checked("record.json", made), "hf://somebody/something")
    assert "| val | 6.00% | 11.00% | 50.00% |  |" in card
    assert "| val | large pose | 12.00% | 75.00% | 8 |" in card
