"""The Kaggle release: labels without pixels, each video decompressed once, hostile npz refused."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import DataError, Sample, UsageError
from zoo.datasets import youtube_videos
from zoo.datasets.youtube_faces import youtube_faces
from zoo.datasets.youtube_videos import spread

TABLE = "youtube_faces_with_keypoints_full.csv"
HEADER = (
    "videoID,personName,imageHeight,imageWidth,videoDuration,averageFaceSize,numVideosForPerson\n"
)
H, W, T = 6, 8, 10


def _arrays(seed: int = 0) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    corners = np.array([[1, 2], [5, 2], [1, 4], [5, 4]], np.float64)  # in any order
    return {
        "colorImages": random.integers(0, 256, (H, W, 3, T), dtype=np.uint8),
        "boundingBox": np.repeat(corners[:, :, None], T, axis=2),
        "landmarks2D": random.uniform(0, 6, (68, 2, T)),
        "landmarks3D": random.uniform(0, 6, (68, 3, T)),
    }


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / TABLE).write_text(
        HEADER + "Ann_0,Ann,6,8,10,120.5,2\nAnn_1,Ann,6,8,10,,2\nBo_0,Bo,6,8,10,nan,1\n"
    )
    _save(tmp_path / "full_1" / "full_1" / "Ann_0.npz", _arrays(0))
    _save(tmp_path / "full_1" / "full_1" / "Ann_1.npz", _arrays(1))
    _save(tmp_path / "full_2" / "Bo_0.npz", _arrays(2))
    return tmp_path


def _read(root: Path, **options: Any) -> tuple[list[Sample], list[str]]:
    dataset = youtube_faces.open(root, **options)
    return list(dataset.samples()), [str(problem) for problem in dataset.problems]


@pytest.fixture
def decompressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the videos whose pixels were decompressed, one entry for each time."""
    names: list[str] = []
    real = youtube_videos.read_frames

    def counting(video: youtube_videos.Video, picked: NDArray[np.int64]) -> NDArray[np.uint8]:
        names.append(video.path.stem)
        return real(video, picked)

    monkeypatch.setattr(youtube_videos, "read_frames", counting)
    return names


def test_every_frame_with_person_box_and_points(root: Path) -> None:
    samples, problems = _read(root)
    assert problems == []
    assert len(samples) == 3 * T
    sample = samples[T + 3]
    assert (sample.id, sample.person, sample.video) == ("Ann_1/3", "Ann", "Ann_1")
    assert sample.release_split is None
    assert sample.bytes == H * W * 3
    np.testing.assert_allclose(
        sample.points, _arrays(1)["landmarks2D"][..., 3] - 0.5, rtol=0, atol=1e-6
    )
    assert sample.box == (0.5, 1.5, 4.5, 3.5)
    np.testing.assert_array_equal(sample.image(), _arrays(1)["colorImages"][..., 3])
    dataset = youtube_faces.open(root)
    assert dataset.release == "kaggle-full"
    assert dataset.released() is None
    assert "edge coordinates" in dataset.notes


def test_listing_decompresses_no_pixels(root: Path, decompressed: list[str]) -> None:
    _read(root)
    assert decompressed == []


def test_each_video_is_decompressed_once_in_order(root: Path, decompressed: list[str]) -> None:
    for sample in _read(root)[0]:
        sample.image()
    assert decompressed == ["Ann_0", "Ann_1", "Bo_0"]


@pytest.mark.parametrize("frames", [None, 1, 3])
def test_each_video_is_decompressed_once_by_a_pool(
    root: Path, decompressed: list[str], frames: int | None
) -> None:
    samples = _read(root, frames_per_video=frames)[0]
    # two videos at a time: both stay in memory, so a slow thread still finds its video
    two = 2 * (frames or T)
    with ThreadPoolExecutor(8) as pool:
        images: list[NDArray[np.uint8]] = []
        for part in (samples[:two], samples[two:]):
            images += pool.map(lambda sample: sample.image(), part)
    assert sorted(decompressed) == ["Ann_0", "Ann_1", "Bo_0"]
    for sample, image in zip(samples, images, strict=True):
        seed = ["Ann_0", "Ann_1", "Bo_0"].index(str(sample.video))
        index = int(sample.id.rpartition("/")[2])
        np.testing.assert_array_equal(image, _arrays(seed)["colorImages"][..., index])


def test_only_the_latest_videos_stay_in_memory(
    root: Path, decompressed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube_videos, "at_once", lambda: 1)
    first, *_, last = samples = _read(root)[0]
    for sample in (first, samples[T], last, first):
        sample.image()
    assert decompressed == ["Ann_0", "Ann_1", "Bo_0", "Ann_0"]


def test_thinning_keeps_frames_spread_evenly(root: Path) -> None:
    samples = _read(root, frames_per_video=2)[0]
    assert [s.id for s in samples[:3]] == ["Ann_0/2", "Ann_0/7", "Ann_1/2"]


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, None])
def test_spread_gives_distinct_frames_of_the_video(count: int | None) -> None:
    indices = spread(10, count)
    assert len(indices) == min(count or 10, 10)
    assert (np.diff(indices) > 0).all()
    assert indices.min() >= 0
    assert indices.max() < 10


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "all"])
def test_thinning_to_no_count_is_refused(root: Path, wrong: object) -> None:
    with pytest.raises(UsageError, match="frames_per_video must be 1 or more"):
        _read(root, frames_per_video=wrong)


def test_row_without_its_file_is_left_out(root: Path) -> None:
    (root / "full_2" / "Bo_0.npz").unlink()
    samples, problems = _read(root)
    assert len(samples) == 2 * T
    assert problems == [f"{TABLE} row 4: Bo_0.npz is nowhere below {root}"]


def test_ambiguous_rows_are_left_out(root: Path) -> None:
    with (root / TABLE).open("a") as file:
        file.write("Bo_0,Bo,6,8,10,1,1\nshort,row\n")
    _save(root / "full_3" / "Ann_1.npz", _arrays(1))
    samples, problems = _read(root)
    assert {s.video for s in samples} == {"Ann_0", "Bo_0"}
    assert [p.partition(": ")[0] for p in problems] == [f"{TABLE} row {n}" for n in (3, 5, 6)]
    assert "more than once" in problems[0]
    assert "listed in row 4 already" in problems[1]
    assert "2 columns instead of 7" in problems[2]


@pytest.mark.parametrize("key", ["colorImages", "boundingBox", "landmarks2D"])
def test_npz_without_a_key_is_left_out(root: Path, key: str) -> None:
    arrays = _arrays()
    del arrays[key]
    _save(root / "full_2" / "Bo_0.npz", arrays)
    samples, problems = _read(root)
    assert len(samples) == 2 * T
    assert problems == [f"{TABLE} row 4: Bo_0.npz: has no {key}"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("colorImages", np.zeros((H, W, 3), np.uint8)),
        ("colorImages", np.zeros((H, W, 4, T), np.uint8)),
        ("colorImages", np.zeros((H, W, 3, T), np.float32)),
        ("colorImages", np.zeros((H, W, 3, 0), np.uint8)),
        ("landmarks2D", np.zeros((68, 2, T - 1))),
        ("landmarks2D", np.zeros((68, 3, T))),
        ("landmarks2D", np.full((68, 2, T), "x")),
        ("boundingBox", np.zeros((2, 2, T))),
    ],
)
def test_npz_of_another_layout_is_left_out(root: Path, key: str, value: NDArray[Any]) -> None:
    _save(root / "full_2" / "Bo_0.npz", _arrays() | {key: value})
    samples, problems = _read(root)
    assert len(samples) == 2 * T
    assert len(problems) == 1
    assert f"Bo_0.npz: {key} is {value.dtype} {value.shape}" in problems[0]


class _Bomb:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("key", ["colorImages", "boundingBox", "landmarks2D"])
def test_pickled_content_is_refused_and_never_run(root: Path, key: str) -> None:
    bait = root / "code-was-run"
    content = np.array([_Bomb(bait)], dtype=object)
    _save(root / "full_2" / "Bo_0.npz", _arrays() | {key: content})
    np.load(root / "full_2" / "Bo_0.npz", allow_pickle=True)[key]
    assert bait.exists()  # the trap works
    bait.unlink()

    samples, problems = _read(root)

    assert len(samples) == 2 * T
    assert "pickled" in problems[0]
    assert not bait.exists()


def test_file_that_is_no_npz_is_left_out(root: Path) -> None:
    (root / "full_2" / "Bo_0.npz").write_bytes(b"not a zip")
    samples, problems = _read(root)
    assert len(samples) == 2 * T
    assert "Bo_0.npz: cannot be read" in problems[0]


def test_pixels_that_claim_too_much_are_left_out(root: Path) -> None:
    path = root / "full_2" / "Bo_0.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("colorImages.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (2000, 2000, 3, 1 << 20)}
        )
    assert "more than is decompressed" in _read(root)[1][0]


def test_damaged_pixels_raise_when_they_are_decoded(root: Path) -> None:
    path = root / "full_1" / "full_1" / "Ann_0.npz"
    large = np.random.default_rng(0).integers(0, 256, (64, 64, 3, T), dtype=np.uint8)
    _save(path, _arrays() | {"colorImages": large})
    content = bytearray(path.read_bytes())
    content[50_000] ^= 0xFF  # far from the header, which listing reads
    path.write_bytes(content)
    samples, problems = _read(root)
    assert problems == []
    with pytest.raises(DataError, match=r"Ann_0\.npz: colorImages cannot be decompressed"):
        samples[0].image()


@pytest.mark.parametrize("key", ["landmarks2D", "boundingBox"])
def test_frame_with_nan_is_left_out(root: Path, key: str) -> None:
    arrays = _arrays()
    arrays[key][1, 1, 4] = np.nan
    _save(root / "full_1" / "full_1" / "Ann_0.npz", arrays)
    samples, problems = _read(root)
    assert len(samples) == 3 * T - 1
    assert "Ann_0/4" not in {s.id for s in samples}
    assert problems == ["Ann_0.npz frame 4: a landmark or its box is not finite"]


def test_table_without_a_needed_column_is_fatal(root: Path) -> None:
    (root / TABLE).write_text("videoID,imageHeight\nAnn_0,6\n")
    with pytest.raises(DataError, match=f"{TABLE}: its header has no column personName"):
        _read(root)


def test_unlabelled_frames_are_those_that_were_thinned_out(
    root: Path, decompressed: list[str]
) -> None:
    dataset = youtube_faces.open(root, frames_per_video=2)
    assert isinstance(dataset, youtube_videos.KaggleVideos)
    kept, unlabelled = list(dataset.samples()), list(dataset.unlabelled())
    assert [s.id for s in kept][:2] == ["Ann_0/2", "Ann_0/7"]
    assert [s.id for s in unlabelled][:8] == [f"Ann_0/{i}" for i in (0, 1, 3, 4, 5, 6, 8, 9)]
    assert len(unlabelled) == 3 * (T - 2)
    assert {(s.person, s.video) for s in unlabelled} == {
        ("Ann", "Ann_0"),
        ("Ann", "Ann_1"),
        ("Bo", "Bo_0"),
    }
    assert not any(sample.visible.any() for sample in unlabelled)
    labelled = {s.id: s for s in _read(root)[0]}
    np.testing.assert_array_equal(unlabelled[4].image(), labelled[unlabelled[4].id].image())
    assert decompressed.count("Ann_0") == 2
    unthinned = youtube_faces.open(root)
    assert isinstance(unthinned, youtube_videos.KaggleVideos)
    assert list(unthinned.unlabelled()) == []
