"""Hidden points on the board: errors over seen and over hidden points, and scores of a head that
predicts visibility. The columns are absent where no record has the figures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from board_samples import predict, record, sources

from zoo.api import generic_scheme
from zoo.evaluation.board.groups import Group
from zoo.evaluation.board.leaderboard import build
from zoo.evaluation.board.render import to_csv, to_markdown
from zoo.evaluation.page.payload import group_payload
from zoo.evaluation.scores.predictions import Predictions

PEOPLE = {"p": [0.1], "q": [0.1]}


def hidden(on_hidden: float, visibility: list[float] | None) -> Predictions:
    """Two faces, eye distance 40 px. The last point is hidden and its error is ``on_hidden`` times
    the eye distance; the error of the other points is 0.1 times that."""
    unchanged = predict(PEOPLE)
    points = unchanged.points.copy()
    points[:, 3] = unchanged.target[:, 3] + [40 * on_hidden, 0]
    visibilities = None if visibility is None else np.tile(np.float32(visibility), (2, 1))
    occluded = np.tile(np.float32([0, 0, 0, 1]), (2, 1))
    return replace(unchanged, points=points, occluded=occluded, visibility=visibilities)


def board_of(*predictions: Predictions) -> list[Group]:
    records = (record(each, name) for name, each in zip("abcd", predictions, strict=False))
    return build(sources(records))


def column_titles(group: Group) -> list[str]:
    return to_markdown([group]).splitlines()[2].strip("| ").split(" | ")


def test_columns_show_the_figures_that_some_record_has() -> None:
    # by visibility, the hidden point ranks first for a and last of four for b: precision 1 and 1/4
    groups = board_of(
        hidden(0.3, [0.9, 0.8, 0.7, 0.1]), hidden(0.5, [0.1, 0.2, 0.3, 0.9]), hidden(0.4, None)
    )
    [group] = groups
    a, c, b = group.rows
    assert (a.nme_seen, a.nme_hidden) == pytest.approx((0.1, 0.3))
    assert (a.hidden_ap, a.hidden_f1) == (1, 1)
    assert (b.nme_hidden, b.hidden_ap) == pytest.approx((0.5, 0.25))
    assert b.hidden_f1 == pytest.approx(2 * 0.25 / 1.25)
    assert (c.nme_hidden, c.hidden_ap, c.hidden_f1) == pytest.approx((0.4, None, None))
    titles = column_titles(group)
    at = [titles.index(each) for each in ("NME seen %", "NME hidden %", "AP hidden %")]
    lines = [line.strip("| ").split(" | ") for line in to_markdown(groups).splitlines()[4:8]]
    assert [lines[0][i] for i in at] == ["10.00", "30.00", "100.00"]
    assert float(lines[3][at[1]]) == pytest.approx(100 * group.baseline["nme_hidden"], abs=0.01)
    rows = list(csv.DictReader(io.StringIO(to_csv(groups))))
    assert [row["hidden_ap"] for row in rows] == ["1.0", "", "0.25", ""]
    head, _ = group_payload(group, None)
    lower = {column["key"]: column["lower"] for column in head["columns"]}
    expected = {"nme_seen": True, "nme_hidden": True, "hidden_ap": False, "hidden_f1": False}
    assert expected.items() <= lower.items()
    assert head["rows"]["nme_hidden"] == pytest.approx([0.3, 0.4, 0.5])


def test_no_column_where_no_record_has_the_figure() -> None:
    [group] = board_of(predict(PEOPLE))
    assert not [each for each in column_titles(group) if "seen" in each or "hidden" in each]
    [group] = board_of(hidden(0.3, None))
    assert [each for each in column_titles(group) if "hidden" in each] == ["NME hidden %"]


def test_a_board_can_be_sorted_by_them_and_seeds_are_averaged() -> None:
    runs = [
        record(hidden(0.3, None), "a", 0),
        record(hidden(0.5, None), "a", 1),
        record(hidden(0.2, None), "b", 0),
    ]
    [group] = build(sources(runs), sort="nme_hidden")
    assert [row.nme_hidden for row in group.rows] == pytest.approx([0.2, 0.4])


def test_a_scheme_without_eyes_has_them_too() -> None:
    without_eyes = replace(hidden(0.3, None), scheme=generic_scheme(4))
    [group] = board_of(without_eyes)
    assert group.headline == "nme_box"
    titles = column_titles(group)
    assert {"median %", "NME seen %", "NME hidden %"} <= set(titles)
    assert not {"NME %", "± seeds %"} & set(titles)
