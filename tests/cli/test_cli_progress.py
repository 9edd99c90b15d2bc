"""The progress lines of long work in a log file."""

from __future__ import annotations

import pytest

from zoo import reporter
from zoo.cli import progress


def test_long_work_prints_its_progress_every_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    plain = progress.PlainReporter()
    for done in range(26):
        plain.progress("fetching files", done, 26)
        now += 3
    plain.progress("clip\x1b.mp4", 0, 0)  # the number of frames is unknown
    now += 30
    plain.progress("clip\x1b.mp4", 300, 0)
    assert capsys.readouterr().err.splitlines() == [
        "fetching files: 10 of 26",
        "fetching files: 20 of 26",
        "clip .mp4: 300",
    ]


def test_quick_work_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plain = progress.PlainReporter()
    for done in range(5):
        plain.progress("decoding val", done, 4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (200, "train loss 0.1235  all done in 1:05  val NME 7.50% after epoch 3  80.0 img/s"),
        (60, "train loss 0.1235  all done in 1:05"),
        (20, "train loss 0.1235"),
        (5, ""),
    ],
)
def test_a_narrow_terminal_shows_the_most_important_facts_only(room: int, shown: str) -> None:
    step = reporter.Step(4, 20, 1, 98, 0.12345, 80.0, 65.0, 0.075)
    assert progress.facts_of(step, room) == shown
