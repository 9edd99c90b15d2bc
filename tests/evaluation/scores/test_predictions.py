"""A predictions file loads as it was saved, and a hostile file gives one clear error line."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from zoo.api import DataError
from zoo.evaluation.scores.predictions import Predictions, load


def example(n=3, k=4):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (n, k, 2)).astype(np.float32)
    points[0] = np.nan  # a missed face
    return Predictions(
        ids=tuple(f"training/Zoë_{i}.jpg" for i in range(n)),
        people=("Zoë", None, "Ann")[:n],
        points=points,
        target=rng.uniform(0, 100, (n, k, 2)).astype(np.float32),
        visible=rng.uniform(size=(n, k)) > 0.3,
        regions=rng.uniform(50, 60, (n, 3)),
        scores=rng.uniform(size=(n, k)).astype(np.float32),
    )


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


def test_predictions_load_as_they_were_saved(tmp_path):
    before = example()
    before.save(tmp_path / "val.npz")
    after = load(tmp_path / "val.npz")
    assert (after.ids, after.people) == (before.ids, before.people)
    for name in ("points", "target", "visible", "regions", "scores"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    replace(before, scores=None).save(tmp_path / "val.npz")
    assert load(tmp_path / "val.npz").scores is None


def test_the_digest_is_that_of_the_file_and_depends_on_the_predictions_only(tmp_path):
    digest = example().save(tmp_path / "a.npz")
    assert digest == hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == example().save(tmp_path / "sub" / "b.npz")
    moved = replace(example(), points=example().points + 1)
    assert digest != moved.save(tmp_path / "c.npz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "c.npz", "sub"]


class Trap:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (self.place,)


def test_a_pickle_inside_is_never_loaded(tmp_path):
    example().save(tmp_path / "val.npz")
    arrays = arrays_of(tmp_path / "val.npz")
    trap = np.array([Trap(str(tmp_path / "sprung"))] * 3, dtype=object)
    np.savez(tmp_path / "evil.npz", **(arrays | {"ids": trap}), allow_pickle=True)
    with pytest.raises(DataError, match=r"evil\.npz: key 'ids' cannot be read"):
        load(tmp_path / "evil.npz")
    assert not (tmp_path / "sprung").exists()
    np.load(tmp_path / "evil.npz", allow_pickle=True)["ids"]
    assert (tmp_path / "sprung").exists()  # the trap works if pickles are allowed


@pytest.mark.parametrize("key", ["ids", "people", "points", "target", "visible", "regions"])
def test_a_missing_key_is_named(tmp_path, key):
    example().save(tmp_path / "val.npz")
    arrays = arrays_of(tmp_path / "val.npz")
    del arrays[key]
    np.savez(tmp_path / "val.npz", **arrays)
    with pytest.raises(DataError, match=rf"val\.npz: no key '{key}'"):
        load(tmp_path / "val.npz")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("points", np.zeros((3, 4)), r"not \(faces, points, 2\)"),
        ("target", np.zeros((3, 5, 2)), r"\(3, 5, 2\), not \(3, 4, 2\)"),
        ("visible", np.zeros((3, 4), int), "not truth values"),
        ("ids", np.arange(3), "not text"),
        ("ids", np.array(["a", "b", "a"]), "'a' twice"),
        ("regions", np.zeros((3, 3)), "positive sides"),
        ("regions", np.full((3, 3), np.inf), "finite"),
        ("target", np.full((3, 4, 2), np.nan), "visible point that is not finite"),
        ("scores", np.zeros((3,)), r"not \(3, 4\)"),
        ("points", np.array(["x"] * 24).reshape(3, 4, 2), "not decimal numbers"),
    ],
)
def test_an_array_that_does_not_fit_is_named(tmp_path, key, value, reason):
    example().save(tmp_path / "val.npz")
    np.savez(tmp_path / "val.npz", **(arrays_of(tmp_path / "val.npz") | {key: value}))
    with pytest.raises(DataError, match=rf"val\.npz: key '{key}'.*{reason}"):
        load(tmp_path / "val.npz")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match=r"text\.npz: not an \.npz file"):
        load(tmp_path / "text.npz")
    np.save(tmp_path / "bare.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"bare\.npy: not an \.npz file"):
        load(tmp_path / "bare.npy")
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "nowhere.npz")


def test_a_damaged_file_is_refused(tmp_path):
    example().save(tmp_path / "val.npz")
    content = bytearray((tmp_path / "val.npz").read_bytes())
    content[80:120] = bytes(40)
    (tmp_path / "val.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"val\.npz: key 'ids' cannot be read"):
        load(tmp_path / "val.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_MAX_GIB", "0.002")
    np.savez_compressed(tmp_path / "bomb.npz", points=np.zeros(1 << 20))
    assert (tmp_path / "bomb.npz").stat().st_size < 1 << 20
    monkeypatch.setattr(np, "load", lambda *a, **k: pytest.fail("it was opened"))
    with pytest.raises(DataError, match=r"would unpack to 8 MiB.*ZOO_MAX_GIB"):
        load(tmp_path / "bomb.npz")


def test_arrays_that_do_not_fit_are_not_written(tmp_path):
    with pytest.raises(DataError, match="'visible'"):
        replace(example(), visible=np.ones((3, 5), bool)).save(tmp_path / "val.npz")
    assert not (tmp_path / "val.npz").exists()
