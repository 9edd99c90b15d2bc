"""The learning curve is a picture of the history, made without a screen."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np

from zoo.training.curve import save_learning_curve

HISTORY = [
    {"epoch": e, "train_loss": 1 / e, "val_loss": 1.2 / e, "val_nme": 0.2 / e + 0.01 * abs(e - 4)}
    for e in range(1, 9)
]


def orange(path):
    """How many pixels have the colour of the best epoch's mark."""
    red, green, blue = np.moveaxis(cv2.imread(str(path))[..., ::-1].astype(int), -1, 0)
    return int(((red > 240) & (abs(green - 127) < 20) & (blue < 40)).sum())


def test_the_curve_is_drawn_and_the_best_epoch_marked(tmp_path):
    save_learning_curve(HISTORY, tmp_path / "run" / "curve.png")
    assert cv2.imread(str(tmp_path / "run" / "curve.png")).shape[:2] == (420, 960)
    assert orange(tmp_path / "run" / "curve.png") > 50


def test_another_best_epoch_moves_the_mark(tmp_path):
    save_learning_curve(HISTORY, tmp_path / "a.png")
    save_learning_curve(HISTORY, tmp_path / "b.png", best_epoch=8)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_text_from_a_csv_and_gaps_are_taken(tmp_path):
    rows = [{key: str(value) for key, value in row.items()} for row in HISTORY]
    save_learning_curve(HISTORY, tmp_path / "numbers.png")
    save_learning_curve(rows, tmp_path / "text.png")
    assert (tmp_path / "numbers.png").read_bytes() == (tmp_path / "text.png").read_bytes()
    save_learning_curve([rows[0] | {"val_nme": "nan", "val_loss": ""}], tmp_path / "gaps.png")
    assert orange(tmp_path / "gaps.png") == 0  # no error is known: no epoch is the best


def test_evaluation_needs_no_torch_and_no_pyplot():
    code = (
        "import sys, zoo.training.curve, zoo.evaluation.board.leaderboard, "
        "zoo.evaluation.scores.metrics, zoo.evaluation.scores.predictions; "
        "print([m for m in ('torch', 'rich', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
