"""A run scored on data that it was not trained on: what is compared, and where it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_wflw import write_wflw

from zoo.api import IBUG68, WFLW98, DataError, UsageError, generic_scheme
from zoo.api.schemes import WFLW98_OF_IBUG68
from zoo.datasets.wflw import wflw
from zoo.evaluation.board.leaderboard import collect
from zoo.evaluation.scores.predictions import load
from zoo.evaluation.scores.results import results_of
from zoo.training.elsewhere import common_points, evaluate_on

if TYPE_CHECKING:
    from conftest import Kit


def test_the_smaller_scheme_is_scored_whichever_way_it_goes() -> None:
    for model, data in ((IBUG68, WFLW98), (WFLW98, IBUG68)):
        found = common_points(model, data)
        assert found.scheme == IBUG68
        of_98, of_68 = (
            (found.of_data, found.of_model) if data is WFLW98 else (found.of_model, found.of_data)
        )
        assert of_98 == list(WFLW98_OF_IBUG68)
        assert of_68 == list(range(68))
    same = common_points(WFLW98, WFLW98)
    assert (same.scheme, same.of_model, same.of_data) == (WFLW98, [*range(98)], [*range(98)])
    with pytest.raises(DataError, match="predicts 5 points of points5, the data set has 68 of ib"):
        common_points(generic_scheme(5), IBUG68)


def test_a_run_on_68_points_is_scored_on_98_in_a_group_of_its_own(kit: Kit) -> None:
    root = write_wflw(kit.out / "wflw", people=6)
    folder = kit.train(*kit.PLAIN, epochs=1)
    done = kit.zoo("evaluate", str(folder.path), "--on", f"wflw={root}", "--split", "test")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    [title] = [i for i, line in enumerate(lines) if line.startswith("subset ")]
    # Of the frames 0, 1 and 2: each attribute holds for every second, third, ... frame.
    counts = {line.split()[0]: line.split()[1] for line in lines[title + 1 :]}
    assert counts == dict.fromkeys(("blur", "expression", "illumination", "make-up"), "1") | {
        "occlusion": "1",
        "pose": "2",
    }

    record = folder.read_record()
    [(name, other)] = record.elsewhere.items()
    results = other.results["test"]
    predictions = load(folder.predictions(f"{name}-test"))
    labels = [s.points for s in wflw.open(root).samples() if s.release_split == "test"]
    np.testing.assert_array_equal(predictions.target, np.array(labels)[:, list(WFLW98_OF_IBUG68)])
    assert results_of(predictions)["nme_ioc"] == results.nme_ioc
    assert (other.data.scheme, other.data.frames) == ("ibug68", {"test": 3})
    assert "test" not in record.results

    [group] = collect([folder.path], "test")[0]
    assert "trained on synthetic/drawn, scored on ibug68" in group.heading
    assert group.rows[0].nme_ioc == results.nme_ioc
    [posed] = collect([folder.path], "test", subset="pose")[0]
    assert posed.title == f"{group.title}, subset pose"
    assert posed.rows[0].nme_ioc == pytest.approx(results.subsets["pose"].nme_ioc)
    assert posed.baseline["nme_ioc"] == results.subsets["pose"].baseline["nme_ioc"]
    [val_group] = collect([folder.path], "val")[0]
    assert val_group.benchmark.trained_on == ""
    with pytest.raises(UsageError, match="no subset of the test split 'posed': did you mean pose"):
        collect([folder.path], "test", subset="posed")
    with pytest.raises(UsageError, match=r"no subset of the val split 'pose': there are none$"):
        collect([folder.path], "val", subset="pose")


def test_its_own_data_and_copies_of_it_are_refused(kit: Kit) -> None:
    folder = kit.train(*kit.PLAIN, epochs=1)
    with pytest.raises(DataError, match=r"was trained on another copy of it .* cannot be known"):
        evaluate_on(folder.path, "synthetic")
    with pytest.raises(UsageError, match="--protocol person-5fold: has folds"):
        evaluate_on(folder.path, "synthetic", protocol="person-5fold")
