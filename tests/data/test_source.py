"""The labels of a data set by split: what is reported of the stores that are built from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.regions import FRAME, CloseCrop
from zoo.data.source import read_source
from zoo.reporter import Reporter


class Listener(Reporter):
    def __init__(self) -> None:
        self.splits: list[str] = []

    def decoded(self, split: str, frames: int) -> None:
        self.splits.append(split)


def test_frames_and_close_crops_of_a_split_are_reported_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    options = {"people": 12, "videos": 1, "frames": 1, "size": 64}
    source, listener = read_source("synthetic", options=options), Listener()
    for rule in (FRAME, CloseCrop()):
        source.cut("train", rule, 16, listener)
    assert listener.splits == ["train", "train, close"]
