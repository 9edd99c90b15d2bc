"""A benchmark has an id and a version. Results of different benchmarks never share a table."""

from __future__ import annotations

import pytest
from board_samples import SQUARE, as_read, predict, record, sources

from zoo.api import generic_scheme
from zoo.evaluation.board.leaderboard import build
from zoo.evaluation.records.benchmark import Benchmark, benchmark_of

FULL = Benchmark("youtube_faces", "udacity", "person/1", "frame", "ioc", 1)


def test_the_label_names_every_part():
    assert FULL.label == "youtube_faces/udacity person/1 frame ioc/1"
    assert FULL.id == "youtube_faces/udacity person frame ioc"
    assert FULL.version == "1.1"
    assert FULL.headline == "nme_ioc"
    assert FULL.meaning == "no person in two splits"


def test_a_protocol_of_an_unknown_version_has_no_meaning_text():
    other = Benchmark("d", "", "person/9", "frame", "ioc", 1)
    assert other.meaning == ""
    assert other.version == "9.1"
    assert other.label == "d person/9 frame ioc/1"


def test_the_normaliser_is_that_of_the_scheme():
    with_eyes = record(predict({"p": [0.1]}, SQUARE))
    without = record(predict({"p": [0.1]}, generic_scheme(4)))
    assert benchmark_of(as_read(with_eyes), "val").normaliser == "ioc"
    assert benchmark_of(as_read(without), "val").normaliser == "box"


def test_a_model_that_found_nothing_is_measured_like_the_others():
    lost = record(predict({"p": [float("nan")]}, SQUARE))
    assert lost["results"]["val"]["nme_ioc"] is None
    assert benchmark_of(as_read(lost), "val").normaliser == "ioc"


@pytest.mark.parametrize(
    "data", [{"metrics": 2}, {"protocol": "person/2"}, {"region": "box"}, {"release": "two"}]
)
def test_any_difference_makes_another_table(data):
    records = [record(predict({"p": [0.1]})), record(predict({"p": [0.1]}), "b", data=data)]
    groups = build(sources(records))
    assert len({group.benchmark for group in groups}) == 2
    assert len({group.heading for group in groups}) == 2


def test_records_without_a_version_of_the_metrics_have_the_first():
    old = record(predict({"p": [0.1]}), "old")
    del old["data"]["metrics"]
    assert benchmark_of(as_read(old), "val").metrics == 1
