"""What long work says into a log file."""

from __future__ import annotations

import pytest

from zoo.cli import progress


def test_work_that_takes_long_says_every_half_a_minute_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    shown = progress.PlainReporter()
    for done in range(26):
        shown.progress("fetching files", done, 26)
        now += 3
    shown.progress("clip\x1b.mp4", 0, 0)  # nobody knows how many frames it has
    now += 30
    shown.progress("clip\x1b.mp4", 300, 0)
    assert capsys.readouterr().err.splitlines() == [
        "fetching files: 10 of 26",
        "fetching files: 20 of 26",
        "clip .mp4: 300",
    ]


def test_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.PlainReporter()
    for done in range(5):
        shown.progress("decoding val", done, 4)
    assert capsys.readouterr().err == ""
